/**
 * The command lines of programs whose arguments are counts.
 *
 * @module
 */

/**
 * Returns the numbers on the command line, completed from `defaults`. Exits for `--help`
 * and for invalid arguments.
 */
export function countArguments(usage: string, defaults: number[]): number[] {
  if (Deno.args.includes("--help")) {
    console.log(usage);
    Deno.exit();
  }
  const numbers = Deno.args.map(Number);
  const isValid = numbers.length <= defaults.length &&
    Deno.args.every((text) => /^\d+$/.test(text));
  if (!isValid) {
    console.error(usage);
    Deno.exit(2);
  }
  return defaults.map((value, i) => numbers[i] ?? value);
}
