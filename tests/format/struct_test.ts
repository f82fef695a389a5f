import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  CodeLoadRecord,
  CodeMoveRecord,
  DebugEntry,
  DebugInfoRecord,
  FileHeader,
  RecordHeader,
  RecordId,
  type Struct,
  UnwindingInfoRecord,
} from "../../src/format/mod.ts";
import { struct } from "../../src/format/struct.ts";

const header: RecordHeader = {
  id: 0xa1a2a3a4,
  totalSize: 0xb1b2b3b4,
  timestamp: 0xc1c2c3c4c5c6c7c8n,
};
const HEADER = "a1a2a3a4 b1b2b3b4 c1c2c3c4c5c6c7c8";

/**
 * The structs in the order of the specification's tables: a group of hexadecimal
 * digits is one field, most significant byte first. No two fields are equal, so that a
 * test fails if two are exchanged.
 */
const LAYOUTS = [
  {
    name: "FileHeader",
    struct: FileHeader as Struct<unknown>,
    size: 40,
    value: {
      magic: 0x4A695444,
      version: 1,
      totalSize: 40,
      elfMach: 62,
      pad1: 0x11121314,
      pid: 0x21222324,
      timestamp: 0x3132333435363738n,
      flags: 0x4142434445464748n,
    },
    fields: `4a695444 00000001 00000028 0000003e
      11121314 21222324 3132333435363738 4142434445464748`,
  },
  {
    name: "RecordHeader",
    struct: RecordHeader as Struct<unknown>,
    size: 16,
    value: header,
    fields: HEADER,
  },
  {
    name: "CodeLoadRecord",
    struct: CodeLoadRecord as Struct<unknown>,
    size: 56,
    value: {
      header,
      pid: 0x11121314,
      tid: 0x21222324,
      vma: 0x3132333435363738n,
      codeAddr: 0x4142434445464748n,
      codeSize: 0x5152535455565758n,
      codeIndex: 0x6162636465666768n,
    },
    fields: `${HEADER} 11121314 21222324 3132333435363738
      4142434445464748 5152535455565758 6162636465666768`,
  },
  {
    name: "CodeMoveRecord",
    struct: CodeMoveRecord as Struct<unknown>,
    size: 64,
    value: {
      header,
      pid: 0x11121314,
      tid: 0x21222324,
      vma: 0x3132333435363738n,
      oldCodeAddr: 0x4142434445464748n,
      newCodeAddr: 0x5152535455565758n,
      codeSize: 0x6162636465666768n,
      codeIndex: 0x7172737475767778n,
    },
    fields: `${HEADER} 11121314 21222324 3132333435363738
      4142434445464748 5152535455565758 6162636465666768 7172737475767778`,
  },
  {
    name: "UnwindingInfoRecord",
    struct: UnwindingInfoRecord as Struct<unknown>,
    size: 40,
    value: {
      header,
      unwindingSize: 0x1112131415161718n,
      ehFrameHdrSize: 0x2122232425262728n,
      mappedSize: 0x3132333435363738n,
    },
    fields: `${HEADER} 1112131415161718 2122232425262728 3132333435363738`,
  },
  {
    name: "DebugInfoRecord",
    struct: DebugInfoRecord as Struct<unknown>,
    size: 32,
    value: {
      header,
      codeAddr: 0x1112131415161718n,
      nrEntry: 0x2122232425262728n,
    },
    fields: `${HEADER} 1112131415161718 2122232425262728`,
  },
  {
    name: "DebugEntry",
    struct: DebugEntry as Struct<unknown>,
    size: 16,
    value: {
      codeAddr: 0x1112131415161718n,
      line: 0x21222324,
      discrim: 0x31323334,
    },
    fields: "1112131415161718 21222324 31323334",
  },
];

/** Returns the bytes of the fields, in the given byte order. */
function bytesOf(fields: string, littleEndian: boolean): Uint8Array {
  return Uint8Array.from(
    fields.trim().split(/\s+/).flatMap((field) => {
      const bytes = field.match(/../g)!.map((pair) => parseInt(pair, 16));
      return littleEndian ? bytes.toReversed() : bytes;
    }),
  );
}

describe("struct layouts", () => {
  for (const { name, struct, size, value, fields } of LAYOUTS) {
    for (const littleEndian of [true, false]) {
      const order = littleEndian ? "little-endian" : "big-endian";
      it(`have the specification's bytes when ${name} is ${order}`, () => {
        const bytes = bytesOf(fields, littleEndian);
        assertEquals(struct.size, size);
        assertEquals(bytes.length, size);
        assertEquals(struct.pack(value, undefined, littleEndian), bytes);
        assertEquals(struct.unpack(bytes, littleEndian), value);
      });
    }
  }

  it("have this machine's byte order when none is given", () => {
    const native = new Uint8Array(Uint32Array.of(0x4A695444).buffer);
    const value = LAYOUTS[0].value as FileHeader;
    assertEquals(FileHeader.pack(value).slice(0, 4), native);
    assertEquals(FileHeader.unpack(FileHeader.pack(value)), value);
  });
});

describe("RecordId", () => {
  it("has the specification's number when it names a record type", () => {
    assertEquals(RecordId.JitCodeLoad, 0);
    assertEquals(RecordId.JitCodeMove, 1);
    assertEquals(RecordId.JitCodeDebugInfo, 2);
    assertEquals(RecordId.JitCodeClose, 3);
    assertEquals(RecordId.JitCodeUnwindingInfo, 4);
  });
});

describe("Struct.pack() and unpack()", () => {
  it("change nothing outside the struct when the view is larger", () => {
    const memory = new Uint8Array(64).fill(0xee);
    const view = memory.subarray(8);
    assertEquals(RecordHeader.pack(header, view), view);
    assertEquals(RecordHeader.unpack(memory.subarray(8)), header);
    assertEquals(memory.subarray(0, 8), new Uint8Array(8).fill(0xee));
    assertEquals(memory.subarray(24), new Uint8Array(40).fill(0xee));
  });

  it("throw when the view is too short", () => {
    const short = new Uint8Array(15);
    for (
      const call of [
        () => RecordHeader.pack(header, short),
        () => RecordHeader.unpack(short),
      ]
    ) {
      const { message } = assertThrows(call, RangeError);
      assertStringIncludes(message, "RecordHeader");
      assertStringIncludes(message, "16 bytes");
    }
  });

  it("throw when a field is out of range", () => {
    const cases: [Partial<Record<keyof RecordHeader, unknown>>, string][] = [
      [{ id: -1 }, "id"],
      [{ id: 2 ** 32 }, "id"],
      [{ id: 0.5 }, "id"],
      [{ totalSize: NaN }, "totalSize"],
      [{ timestamp: -1n }, "timestamp"],
      [{ timestamp: 2n ** 64n }, "timestamp"],
    ];
    for (const [field, name] of cases) {
      assertThrows(
        () => RecordHeader.pack({ ...header, ...field } as RecordHeader),
        RangeError,
        `"${name}"`,
      );
    }
  });

  it("throw when a nested struct is missing", () => {
    assertThrows(
      () => CodeLoadRecord.pack({} as CodeLoadRecord),
      TypeError,
      'Cannot pack CodeLoadRecord: "header" must be an object',
    );
  });

  it("throw when a field has the wrong type", () => {
    const cases: [Partial<Record<keyof RecordHeader, unknown>>, string][] = [
      [{ id: 1n }, "id"],
      [{ id: undefined }, "id"],
      [{ timestamp: 1 }, "timestamp"],
    ];
    for (const [field, name] of cases) {
      assertThrows(
        () => RecordHeader.pack({ ...header, ...field } as RecordHeader),
        TypeError,
        `"${name}"`,
      );
    }
  });

  it("encode and decode numbers when fields have 8 or 16 bits", () => {
    const narrow = struct<{ a: number; b: number; c: bigint }>("Narrow", {
      a: "u8",
      b: "u16",
      c: "u64",
    });
    const value = { a: 0xab, b: 0x1234, c: 5n };
    for (const little of [true, false]) {
      const bytes = narrow.pack(value, undefined, little);
      assertEquals(bytes.length, 11);
      assertEquals(narrow.unpack(bytes, little), value);
      const second = little ? [0x34, 0x12] : [0x12, 0x34];
      assertEquals([...bytes.subarray(0, 3)], [0xab, ...second]);
    }
    for (const wide of [{ a: 256 }, { b: 65536 }]) {
      assertThrows(() => narrow.pack({ ...value, ...wide }), RangeError);
    }
  });
});
