/**
 * Demangling of C++ and Rust names.
 *
 * @module
 */

const PROGRAM = "c++filt";

/** Mangled names: Itanium C++ and Rust's two forms. */
const MANGLED = /^_{1,3}Z|^_{1,2}R[A-Z]/;

/**
 * Demangles names with one run of `c++filt`, if permission to run it is granted.
 * Never prompts.
 *
 * @returns The demangled form of each name that has one.
 */
export async function demangle(
  names: Iterable<string>,
): Promise<Map<string, string>> {
  const mangled = [...new Set(names)].filter((name) =>
    MANGLED.test(name) && !name.includes("\n")
  );
  const demangled = new Map<string, string>();
  if (mangled.length === 0) return demangled;
  const { state } = Deno.permissions.querySync({
    name: "run",
    command: PROGRAM,
  });
  if (state !== "granted") return demangled;
  const lines = await linesOf(mangled);
  // The output is used only if it has one name for each line.
  if (lines.length !== mangled.length) return demangled;
  mangled.forEach((name, i) => {
    if (lines[i] !== name && lines[i] !== "") demangled.set(name, lines[i]);
  });
  return demangled;
}

/** Runs the program. Returns no lines if it cannot be run. */
async function linesOf(names: string[]): Promise<string[]> {
  try {
    const child = new Deno.Command(PROGRAM, {
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    // The input is written while the output is read, so that neither pipe fills up.
    const input = new Blob([names.map((name) => `${name}\n`).join("")]);
    const [{ success, stdout }] = await Promise.all([
      child.output(),
      input.stream().pipeTo(child.stdin).catch(() => {}),
    ]);
    if (!success) return [];
    return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
  } catch {
    return [];
  }
}
