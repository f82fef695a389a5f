import { assertEquals, assertGreater } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { ElfFile } from "../../src/symbols/elf_file.ts";
import { InputFile } from "../../src/symbols/input_file.ts";
import { stubsOf } from "../../src/symbols/plt_symbols.ts";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { runOrThrow } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";

const SOURCE = `#include <stdio.h>
#include <stdlib.h>
int main(int count, char **args) {
  puts(args[0]);
  return atoi(getenv("HOME")) + (int)strtol(args[0], 0, 10);
}
`;

const missing = await whyMissing("cc", "objdump");

describe("stubsOf()", () => {
  for (
    const options of [
      ["-fcf-protection=none", "-Wl,-z,lazy"],
      ["-fcf-protection=full", "-Wl,-z,lazy"],
      ["-no-pie", "-Wl,-z,now"],
    ]
  ) {
    if (Deno.build.arch !== "x86_64" && options[0] !== "-no-pie") continue;
    itUnless(
      missing,
      `returns objdump's names when the program is linked with ${
        options.join(" ")
      }`,
      async () => {
        using directory = temporaryDirectory();
        const source = join(directory.path, "main.c");
        const program = join(directory.path, "main");
        Deno.writeTextFileSync(source, SOURCE);
        await runOrThrow(["cc", ...options, "-o", program, source]);
        const { stdout } = await runOrThrow(["objdump", "-d", program]);
        const expected = [
          ...stdout.matchAll(/^([0-9a-f]+) <(\w+@plt)>:$/gm),
        ].map(([, address, name]) => `${address} ${name}`);
        assertGreater(expected.length, 3);
        using file = InputFile.open(program)!;
        const stubs = stubsOf(new ElfFile(file));
        for (const line of expected) {
          const [address, name] = line.split(" ");
          // `__cxa_finalize` is called through `.plt.got`.
          if (name === "__cxa_finalize@plt") continue;
          for (const offset of [0, 15]) {
            const found = stubs?.find(parseInt(address, 16) + offset);
            assertEquals(found?.name, name, line);
          }
        }
      },
    );
  }
});
