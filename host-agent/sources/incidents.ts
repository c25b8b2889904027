/** Reports an error once per incident: again only after it had gone away or become another one. */
import type { EdgebanError } from '../../shared/errors.ts';

export class Incidents {
  readonly #tell: (error: EdgebanError) => void;
  #present: string | null = null;

  constructor(tell: (error: EdgebanError) => void) {
    this.#tell = tell;
  }

  report(error: EdgebanError): void {
    const key = `${error.code} ${error.message}`;
    if (this.#present === key) return;
    this.#present = key;
    this.#tell(error);
  }

  over(): void {
    this.#present = null;
  }
}
