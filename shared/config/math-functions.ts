/** The functions that an expression may call: those of Python's math and random that a bantime.formula has a use for. */

interface PythonFunction {
  /** How many arguments, at least and at most. */
  readonly args: readonly [number, number];
  /** Is the result a Python float? `whole`: neither it nor the arguments may be. */
  readonly float: boolean | 'as given' | 'whole';
  of(args: readonly number[], random: () => number): number;
}

type One = (x: number) => number;

const one = (of: One, float: PythonFunction['float'] = true): PythonFunction => {
  return { args: [1, 1], float, of: ([x = 0]) => of(x) };
};
const two = (of: (x: number, y: number) => number, float: PythonFunction['float'] = true): PythonFunction => {
  return { args: [2, 2], float, of: ([x = 0, y = 0]) => of(x, y) };
};
const many = (of: (...args: number[]) => number): PythonFunction => {
  return { args: [2, 50], float: 'as given', of: (args) => of(...args) };
};

/** Half goes to the even neighbour, as in Python. */
function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

export const functions: Readonly<Record<string, PythonFunction>> = {
  abs: one(Math.abs, 'as given'),
  float: one((x) => x),
  int: one(Math.trunc, false),
  round: one(roundHalfEven, false),
  min: many(Math.min),
  max: many(Math.max),
  pow: two((x, y) => x ** y, 'as given'),
  'math.sqrt': one(Math.sqrt),
  'math.cbrt': one(Math.cbrt),
  'math.exp': one(Math.exp),
  'math.exp2': one((x) => 2 ** x),
  'math.expm1': one(Math.expm1),
  'math.log': {
    args: [1, 2],
    float: true,
    of: ([x = 0, base]) => (base === undefined ? Math.log(x) : Math.log(x) / Math.log(base)),
  },
  'math.log1p': one(Math.log1p),
  'math.log2': one(Math.log2),
  'math.log10': one(Math.log10),
  'math.pow': two((x, y) => x ** y),
  'math.fmod': two((x, y) => x % y),
  'math.hypot': two(Math.hypot),
  'math.fabs': one(Math.abs),
  'math.floor': one(Math.floor, false),
  'math.ceil': one(Math.ceil, false),
  'math.trunc': one(Math.trunc, false),
  'math.sin': one(Math.sin),
  'math.cos': one(Math.cos),
  'math.tan': one(Math.tan),
  'math.asin': one(Math.asin),
  'math.acos': one(Math.acos),
  'math.atan': one(Math.atan),
  'math.atan2': two(Math.atan2),
  'math.sinh': one(Math.sinh),
  'math.cosh': one(Math.cosh),
  'math.tanh': one(Math.tanh),
  'math.degrees': one((x) => (x * 180) / Math.PI),
  'math.radians': one((x) => (x * Math.PI) / 180),
  'random.random': { args: [0, 0], float: true, of: (_, random) => random() },
  'random.uniform': { args: [2, 2], float: true, of: ([low = 0, high = 0], random) => low + (high - low) * random() },
  'random.randint': {
    args: [2, 2],
    float: 'whole',
    of: ([low = 0, high = 0], random) => low + Math.floor(random() * (high - low + 1)),
  },
};
