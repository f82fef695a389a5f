/**
 * The command lines of programs that are told how often or how long.
 *
 * @module
 */

/**
 * The numbers on the command line; those that are left out are as in `defaults`. Ends
 * the program for `--help`, and where something else is given.
 */
export function countArguments(usage: string, defaults: number[]): number[] {
  if (Deno.args.includes("--help")) {
    console.log(usage);
    Deno.exit();
  }
  const numbers = Deno.args.map(Number);
  const isRight = numbers.length <= defaults.length &&
    Deno.args.every((text) => /^\d+$/.test(text));
  if (!isRight) {
    console.error(usage);
    Deno.exit(2);
  }
  return defaults.map((value, i) => numbers[i] ?? value);
}
