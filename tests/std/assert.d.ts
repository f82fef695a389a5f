// The signatures of `@std/assert` that the tests use.

export declare class AssertionError extends Error {}

export declare function assert(expr: unknown, msg?: string): asserts expr;

export declare function assertEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

export declare function assertNotEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

export declare function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void;

export declare function assertGreater<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

export declare function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

export declare function assertLess<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

export declare function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void;

export declare function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void;

// deno-lint-ignore no-explicit-any -- as std has it
type ErrorClass<E> = abstract new (...args: any[]) => E;

export declare function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
