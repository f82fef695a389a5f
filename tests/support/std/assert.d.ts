// The signatures of `@std/assert` that the tests use.

export declare function assert(expr: unknown, msg?: string): asserts expr;

export declare function assertFalse(expr: unknown, msg?: string): void;

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

export declare function assertLessOrEqual<T>(
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

export declare function assertThrows(fn: () => unknown, msg?: string): unknown;
export declare function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any -- as in std
  ErrorClass: new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;

export declare function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any -- as in std
  ErrorClass: new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;

export declare function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void;
