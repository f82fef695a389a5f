import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { BATCH_SIZE, RecordBuffer } from "../../src/writer/record_buffer.ts";

/** Adds a function whose code consists of `size` bytes of 7. */
function add(buffer: RecordBuffer, size: number): void {
  buffer.beginCodeLoad(`${size}`, new Uint8Array(size).fill(7));
  const load = { timestamp: 0n, address: 0n, codeIndex: 0n };
  buffer.endCodeLoad({ ...load, pid: 1, tid: 2 });
}

const contentOf = ({ bytes, length, trailing }: RecordBuffer) => [
  bytes.slice(0, length),
  trailing?.length,
];

describe("RecordBuffer", () => {
  it("keeps the later records when its start is removed", () => {
    for (const size of [10, BATCH_SIZE + 1]) {
      const [expected, buffer] = [new RecordBuffer(), new RecordBuffer()];
      add(expected, size);
      add(buffer, 100);
      const { length } = buffer;
      const first = buffer.bytes.slice(0, length);
      add(buffer, size);
      const start = buffer.start(length);
      assertEquals(start.bytes.slice(0, start.length), first);
      assertEquals(start.trailing, undefined);
      buffer.dropStart(length);
      assertEquals(contentOf(buffer), contentOf(expected));
      assertEquals(buffer.size, expected.size);
    }
  });

  it("sets each byte of a record when its memory has had another content", () => {
    for (const before of [0, 1]) {
      const [expected, buffer] = [new RecordBuffer(), new RecordBuffer()];
      for (let i = 0; i < before; i++) add(expected, 100);
      buffer.bytes.fill(0xff);
      for (let i = 0; i < before; i++) add(buffer, 100);
      add(expected, 10);
      add(buffer, 10);
      assertEquals(contentOf(buffer), contentOf(expected));
    }
  });
});
