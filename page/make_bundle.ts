/**
 * Creates `src/profile/page_bundle.ts`, the script and the style of pages.
 *
 *     deno task page
 *
 * @module
 */

const path = (relative: string) => new URL(relative, import.meta.url);

/** Returns the content of the module. */
export async function makeBundle(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--platform=browser",
      "--format=iife",
      "main.ts",
    ],
    cwd: path("."),
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  const style = await Deno.readTextFile(path("page.css"));
  return [
    `/**
 * The script and the style of pages. \`deno task page\` generates this module from the
 * sources in \`page/\` of the repository.
 *
 * @module
 */
`,
    declaration("script", "PAGE_SCRIPT", decoder.decode(stdout)),
    declaration("style", "PAGE_STYLE", style),
  ].join("\n");
}

/** Declares a constant with a line for each line of its text, so that changes are legible. */
function declaration(what: string, name: string, text: string): string {
  const lines = text.split("\n").map((line) => `  ${JSON.stringify(line)},\n`);
  return `/** The ${what}. */\nexport const ${name}: string = [\n${
    lines.join("")
  }].join("\\n");\n`;
}

if (import.meta.main) {
  await Deno.writeTextFile(
    path("../src/profile/page_bundle.ts"),
    await makeBundle(),
  );
}
