import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { timeOffsetOf } from "../../src/profile/time_namespace.ts";
import { itUnless } from "../support/it_unless.ts";
import {
  noTimeNamespace,
  withShiftedClock,
} from "../support/time_namespace.ts";

describe("timeOffsetOf()", () => {
  itUnless(
    noTimeNamespace,
    "returns the offset when the process is in a time namespace",
    async () => {
      const [program, ...args] = withShiftedClock(
        -5000,
        ["sh", "-c", "echo $$; read line"],
      );
      await using child = new Deno.Command(program, {
        args,
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const { value } = await child.stdout.getReader().read();
      const pid = Number(new TextDecoder().decode(value));
      assertEquals(timeOffsetOf(pid), -5_000_000_000_000n);
      await child.stdin.close();
    },
  );

  it("returns 0 when the process has the machine's clock or has ended", () => {
    assertEquals(timeOffsetOf(Deno.pid), 0n);
    assertEquals(timeOffsetOf(2 ** 22 + 1), 0n);
  });
});
