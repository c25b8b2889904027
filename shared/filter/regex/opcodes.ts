/** The operations of the matcher, by the number that stands for them. */

export const char = 0;
export const run = 1;
export const split = 2;
export const enter = 3;
export const until = 4;
export const jump = 5;
export const save = 6;
export const anchor = 7;
export const boundary = 8;
export const look = 9;
export const atomic = 10;
export const backref = 11;
export const conditional = 12;
export const match = 13;
