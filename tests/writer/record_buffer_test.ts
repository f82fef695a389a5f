import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { BATCH_SIZE, RecordBuffer } from "../../src/writer/record_buffer.ts";

/** Adds a function whose code consists of `codeSize` bytes of 7. */
function add(buffer: RecordBuffer, size: number): void {
  const load = { timestamp: 0n, address: 0n, codeIndex: 0n };
  const code = new Uint8Array(size).fill(7);
  buffer.addCodeLoad({ ...load, pid: 1, tid: 2 }, `${size}`, code);
}

const contentOf = ({ bytes, length, trailing }: RecordBuffer) => [
  bytes.slice(0, length),
  trailing?.length,
];

describe("RecordBuffer", () => {
  it("keeps the later records when its start is removed", () => {
    for (const size of [10, BATCH_SIZE + 1]) {
      const [alone, behind] = [new RecordBuffer(), new RecordBuffer()];
      add(alone, size);
      add(behind, 100);
      const { length } = behind;
      const start = behind.bytes.slice(0, length);
      add(behind, size);
      const given = behind.start(length);
      assertEquals(given.bytes.slice(0, given.length), start);
      assertEquals(given.trailing, undefined);
      behind.dropStart(length);
      assertEquals(contentOf(behind), contentOf(alone));
      assertEquals(behind.size, alone.size);
    }
  });
});
