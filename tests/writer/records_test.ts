import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import {
  EM_AARCH64,
  EM_X86_64,
  type FrameStep,
  JitDumpFile,
  type JitFunction,
  type SourceLine,
  unwindingSpace,
} from "../../mod.ts";
import {
  parseDebugInfo,
  parseDump,
  parseLoad,
  parseUnwindingInfo,
} from "../support/parse_dump.ts";
import { temporaryDirectory } from "../support/script.ts";

const ADDRESS = 0x7f00_ffff_fff0n;
const TIME = 123_456_789n;
const CODE = new Uint8Array(0x40).fill(0x90);

/** Returns the records that `write` writes to a dump. */
function written(
  write: (dump: JitDumpFile) => void,
  options?: ConstructorParameters<typeof JitDumpFile>[2],
  eMachine?: number,
) {
  using directory = temporaryDirectory();
  const path = join(directory.path, "some.dump");
  using dump = new JitDumpFile(path, eMachine, options);
  write(dump);
  return parseDump(Deno.readFileSync(path)).records;
}

/** Returns the parsed records of one function. */
function dumped(
  fn: Partial<JitFunction>,
  options?: ConstructorParameters<typeof JitDumpFile>[2],
  eMachine?: number,
) {
  const records = written(
    (dump) =>
      dump.dumpFunction({
        name: "f",
        code: CODE,
        address: ADDRESS,
        timestamp: TIME,
        ...fn,
      }),
    options,
    eMachine,
  );
  const find = (id: number) => records.find((record) => record.id === id);
  return { ids: records.map(({ id }) => id), find };
}

describe("source lines", () => {
  /** Returns the source lines of the dump, with offsets for addresses. */
  const inDump = (
    lines: SourceLine[],
    options?: ConstructorParameters<typeof JitDumpFile>[2],
  ) =>
    parseDebugInfo(dumped({ lines }, options).find(2)!).entries.map((
      entry,
    ) => ({
      ...entry,
      address: Number(entry.address - ADDRESS),
    }));

  it("precede their function and have its addresses and timestamp when they are recorded", () => {
    const { ids, find } = dumped({
      lines: [{ offset: 0, line: 7, file: "/a.ts" }],
    });
    assertEquals(ids, [2, 0]);
    assertEquals(parseDebugInfo(find(2)!), {
      timestamp: TIME,
      address: ADDRESS,
      entries: [
        { address: ADDRESS, line: 7, discrim: 0, file: "/a.ts" },
        { address: ADDRESS + 0x40n, line: 7, discrim: 0, file: "/a.ts" },
      ],
    });
  });

  it("end with an entry at the end of the code when they are recorded", () => {
    assertEquals(
      inDump([
        { offset: 0, line: 1, file: "/a.ts" },
        { offset: 0x10, line: 4_294_967_295, column: 3, file: "/größe.ts" },
        { offset: 0x3f, line: 2, column: 4_294_967_295, file: "/größe.ts" },
      ]),
      [
        { address: 0, line: 1, discrim: 0, file: "/a.ts" },
        { address: 0x10, line: 4_294_967_295, discrim: 3, file: "/größe.ts" },
        { address: 0x3f, line: 2, discrim: 4_294_967_295, file: "/größe.ts" },
        { address: 0x40, line: 2, discrim: 4_294_967_295, file: "/größe.ts" },
      ],
    );
  });

  it("are sorted by offset in a stable order when they are recorded", () => {
    const lines = [[0x20, 1], [0, 2], [0x10, 3], [0, 4], [0x20, 5], [0x10, 6]]
      .map(([offset, line]) => ({ offset, line, file: "/a.ts" }));
    const given = structuredClone(lines);
    assertEquals(
      inDump(lines).map(({ address, line }) => [address, line]),
      [[0, 2], [0, 4], [0x10, 3], [0x10, 6], [0x20, 1], [0x20, 5], [0x40, 5]],
    );
    assertEquals(lines, given);
  });

  it("keep their files when these alternate", () => {
    const files = ["/a", "/b", "/b", "/a", "/aa", "/a", "/a"];
    assertEquals(
      inDump(files.map((file, offset) => ({ offset, line: 1, file })))
        .map(({ file }) => file),
      [...files, "/a"],
    );
  });

  it("get absolute files when there is a source root or a file: URL", () => {
    const files = ["a.ts", "sub/b.ts", "../c.ts", "/d.ts", "file:///e%20f.ts"];
    const lines = files.map((file, offset) => ({ offset, line: 1, file }));
    const absolute = [
      "/root/dir/a.ts",
      "/root/dir/sub/b.ts",
      "/root/dir/../c.ts",
      "/d.ts",
      "/e f.ts",
    ];
    for (
      const sourceRoot of [
        "/root/dir",
        "/root/dir/",
        "/root/dir//",
        new URL("file:///root/dir/"),
      ]
    ) {
      assertEquals(
        inDump(lines, { sourceRoot }).map(({ file }) => file).slice(0, -1),
        absolute,
      );
    }
    assertEquals(
      inDump(lines).map(({ file }) => file).slice(0, -1),
      ["a.ts", "sub/b.ts", "../c.ts", "/d.ts", "/e f.ts"],
    );
  });

  it("keep a URL when it is not a file: URL", () => {
    const file = "https://example.com/a.ts";
    const lines = [{ offset: 0, line: 1, file }];
    assertEquals(inDump(lines, { sourceRoot: "/root" })[0].file, file);
  });

  it("are next to their function when a getter writes another one", () => {
    const records = written((dump) => {
      const inner = () => dump.dumpFunction({ name: "inner", code: CODE });
      const line = {
        offset: 0,
        line: 1,
        get file() {
          inner();
          return "/a";
        },
      };
      dump.dumpFunction({ name: "outer", code: CODE, lines: [line] });
      dump.dumpDebugInfoRecord({
        address: 1,
        entries: [{
          address: 1,
          line: 1,
          get file() {
            inner();
            return "/b";
          },
        }],
      });
    });
    const ids = records.map(({ id }) => id);
    assertEquals(ids, [0, 2, 0, 0, 2]);
    assertEquals(parseDebugInfo(records[1]).entries[0].file, "/a");
    assertEquals(parseLoad(records[2]).name, "outer");
    assertEquals(parseDebugInfo(records[4]).entries[0].file, "/b");
  });

  it("have no record when there are none", () => {
    assertEquals(dumped({ lines: [] }).ids, [0]);
  });

  it("are recorded when each byte of the code has one", () => {
    const count = 100_000;
    const lines = Array.from(
      { length: count },
      (_, offset) => ({ offset, line: offset + 1, file: "/some/file.ts" }),
    );
    const { find } = dumped({ lines, code: new Uint8Array(count) });
    const { entries } = parseDebugInfo(find(2)!);
    assertEquals(entries.length, count + 1);
    assertEquals(entries[count - 1], {
      address: ADDRESS + BigInt(count - 1),
      line: count,
      discrim: 0,
      file: "/some/file.ts",
    });
  });
});

describe("unwind info", () => {
  const hex = (text: string) =>
    Uint8Array.from(text.match(/[0-9a-f]{2}/g)!, (pair) => parseInt(pair, 16));

  it("precedes its function and has .eh_frame first when it is recorded", () => {
    const { ids, find } = dumped({ unwinding: [] }, undefined, EM_X86_64);
    assertEquals(ids, [4, 0]);
    const { timestamp, ehFrame, ehFrameHdr, mappedSize } = parseUnwindingInfo(
      find(4)!,
    );
    assertEquals(timestamp, TIME);
    // The code has 0x40 bytes, so .eh_frame is 0x40 after its start.
    assertEquals(
      ehFrame,
      hex(`14000000 00000000 01 7a5200 01 78 10 01 1b 0c0708 9001 0000
           14000000 1c000000 a0ffffff 40000000 00 00000000000000
           00000000`),
    );
    assertEquals(
      ehFrameHdr,
      hex("01 1b 03 3b c8ffffff 01000000 8cffffff e4ffffff"),
    );
    assertEquals(mappedSize, BigInt(ehFrame.length + ehFrameHdr.length));
  });

  it("follows the source lines when there are both", () => {
    assertEquals(
      dumped(
        {
          unwinding: [],
          lines: [{ offset: 0, line: 1, file: "/a" }],
        },
        undefined,
        EM_X86_64,
      ).ids,
      [2, 4, 0],
    );
  });

  it("gets an .eh_frame_hdr when the section is complete", () => {
    const generated = parseUnwindingInfo(
      dumped({ unwinding: [] }, undefined, EM_AARCH64).find(4)!,
    );
    const accepted = parseUnwindingInfo(
      dumped({ unwinding: generated.ehFrame }, undefined, EM_AARCH64).find(4)!,
    );
    assertEquals(accepted, generated);
    // The terminating zero is optional.
    const ehFrame = generated.ehFrame.slice(0, -4);
    const without = parseUnwindingInfo(dumped({ unwinding: ehFrame }).find(4)!);
    assertEquals(without.ehFrame, ehFrame);
    assertEquals(without.ehFrameHdr.length, generated.ehFrameHdr.length);
  });

  it("is accepted when a section has a personality routine and an LSDA", () => {
    // C++ compilers emit "zPLR", and a pointer in each FDE's augmentation.
    const section = hex(`1c000000 00000000 01 7a504c5200 01 78 10
      07 9b 11223344 00 1b 0c0708 9001 0000
      14000000 24000000 98ffffff 40000000 04 55667788 000000
      00000000`);
    const { ehFrame, ehFrameHdr } = parseUnwindingInfo(
      dumped({ unwinding: section }, undefined, EM_X86_64).find(4)!,
    );
    assertEquals(ehFrame, section);
    assertEquals(new DataView(ehFrameHdr.buffer).getUint32(8, true), 1);
  });

  it("is accepted when a section has addresses of 2 or 8 bytes", () => {
    const sections = [
      // CIE "zR", 0x1c (sdata8); FDE: 8 bytes each for the start and the size
      `10000000 00000000 01 7a5200 01 78 10 01 1c 0c0708
       18000000 18000000 a4ffffffffffffff 4000000000000000 00 000000`,
      // CIE "zR", 0x1a (sdata2); FDE: 2 bytes each
      `10000000 00000000 01 7a5200 01 78 10 01 1a 0c0708
       0c000000 18000000 a4ff 4000 00 000000`,
    ];
    for (const section of sections) {
      const { ehFrameHdr } = parseUnwindingInfo(
        dumped({ unwinding: hex(section) }, undefined, EM_X86_64).find(4)!,
      );
      const view = new DataView(ehFrameHdr.buffer);
      const hdr = 0x40 + hex(section).length;
      assertEquals(view.getUint32(8, true), 1);
      assertEquals(view.getInt32(12, true) + hdr, 0);
      assertEquals(view.getInt32(16, true) + hdr, 0x40 + 20);
    }
  });

  it("has a sorted table when a section has several FDEs", () => {
    const fde = (at: number, start: number, size: number) => {
      const bytes = new Uint8Array(24);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, 20, true);
      view.setUint32(4, at + 4, true);
      view.setInt32(8, start - (0x40 + at + 8), true);
      view.setUint32(12, size, true);
      return bytes;
    };
    const { ehFrame } = parseUnwindingInfo(
      dumped({ unwinding: [] }, undefined, EM_X86_64).find(4)!,
    );
    const section = Uint8Array.from([
      ...ehFrame.slice(0, 24),
      ...fde(24, 0x20, 0x20),
      ...fde(48, 0, 0x20),
    ]);
    const { ehFrameHdr } = parseUnwindingInfo(
      dumped({ unwinding: section }).find(4)!,
    );
    const view = new DataView(ehFrameHdr.buffer);
    const hdr = 0x40 + section.length;
    assertEquals(view.getUint32(8, true), 2);
    assertEquals(
      [12, 16, 20, 24].map((at) => view.getInt32(at, true) + hdr),
      [0, 0x40 + 48, 0x20, 0x40 + 24],
    );
  });

  it("occupies the size that unwindingSpace() returns when perf maps it", () => {
    for (const size of [1, 7, 8, 9, 4096]) {
      const { find } = dumped(
        { code: new Uint8Array(size), unwinding: [] },
        undefined,
        EM_X86_64,
      );
      const { mappedSize } = parseUnwindingInfo(find(4)!);
      assertEquals(
        unwindingSpace(size, [], { eMachine: EM_X86_64 }),
        Math.ceil(size / 8) * 8 + Number(mappedSize) - size,
      );
    }
  });

  const x86 = (unwinding: unknown) =>
    dumped({ unwinding: unwinding as FrameStep[] }, undefined, EM_X86_64);
  const BAD: [string, unknown, typeof TypeError, string][] = [
    ["text as its value", "none", TypeError, '"unwinding" must be an array'],
    ["null as its value", null, TypeError, '"unwinding" must be an array'],
    [
      "a Uint16Array as its value",
      new Uint16Array(8),
      TypeError,
      '"unwinding" must be a Uint8Array',
    ],
    [
      "a section without bytes",
      new Uint8Array(),
      RangeError,
      '"unwinding" is empty',
    ],
    ["a section of 7 bytes", new Uint8Array(7), RangeError, "multiple of 4"],
    ["a section without FDEs", new Uint8Array(4), RangeError, "no FDE"],
    ["a step that is null", [null], TypeError, '"unwinding[0]"'],
    [
      "a step without an operation",
      [{ offset: 0 }],
      TypeError,
      '"unwinding[0]"',
    ],
    [
      "a step with two operations",
      [{ offset: 4, adjust: 8, push: ["rbx"] }],
      TypeError,
      '"unwinding[0]" must have exactly one of',
    ],
    [
      "a step without an offset",
      [{ adjust: 8 }],
      TypeError,
      '"unwinding[0].offset"',
    ],
    [
      "a step after the end of the code",
      [{ offset: 0x41, adjust: 8 }],
      RangeError,
      "to 64, got 65",
    ],
    [
      "steps in the wrong order",
      [{ offset: 4, adjust: 8 }, { offset: 3, adjust: 8 }],
      RangeError,
      '"unwinding[1].offset"',
    ],
    [
      "an adjustment that is not a multiple of 8",
      [{ offset: 4, adjust: 4 }],
      RangeError,
      '"unwinding[0].adjust"',
    ],
    [
      "an adjustment beyond the start of the stack",
      [{ offset: 4, adjust: -8 }],
      RangeError,
      "not remove more than the stack contains",
    ],
    [
      "a pop from an empty stack",
      [{ offset: 4, pop: ["rbx"] }],
      RangeError,
      "not remove more than the stack contains",
    ],
    [
      "an unknown register",
      [{ offset: 4, push: ["x29"] }],
      RangeError,
      '"x29"',
    ],
    [
      "a register instead of an array",
      [{ offset: 4, push: "rbx" }],
      TypeError,
      '"unwinding[0].push" must be an array',
    ],
    [
      "a restored state that was not remembered",
      [{ offset: 4, restoreState: true }],
      RangeError,
      '"unwinding[0].restoreState" must follow',
    ],
    [
      "a state that is restored twice",
      [{ offset: 1, rememberState: true }, { offset: 2, restoreState: true }, {
        offset: 3,
        restoreState: true,
      }],
      RangeError,
      '"unwinding[2].restoreState"',
    ],
    [
      "a setFramePointer that is false",
      [{ offset: 4, setFramePointer: false }],
      RangeError,
      '"unwinding[0].setFramePointer" must be true',
    ],
    [
      "an unwound that is false",
      [{ offset: 4, unwound: false }],
      RangeError,
      '"unwinding[0].unwound" must be true',
    ],
    [
      "a register that is saved outside the stack",
      [{ offset: 4, save: ["rbx"], at: 0 }],
      RangeError,
      '"unwinding[0].at" must be inside',
    ],
    [
      "a saved register without a position",
      [{ offset: 4, save: ["rbx"] }],
      RangeError,
      '"unwinding[0].at"',
    ],
    [
      "a register named like a property of every object",
      [{ offset: 4, push: ["constructor"] }],
      RangeError,
      '"constructor"',
    ],
  ];
  for (const [cause, unwinding, errorClass, message] of BAD) {
    it(`is rejected when it has ${cause}`, () => {
      assertThrows(() => x86(unwinding), errorClass, message);
    });
  }

  it("is rejected when a section is for other code or has absolute addresses", () => {
    const { ehFrame } = parseUnwindingInfo(x86([]).find(4)!);
    const changed = (at: number, value: number) =>
      ehFrame.map((byte, i) => i === at ? value : byte);
    const cases: [Uint8Array, string][] = [
      [changed(16, 0x00), "encoding 0x0"],
      [changed(16, 0x1f), "encoding 0x1f"],
      [changed(10, 0x51), 'unknown augmentation "Q"'],
      [changed(0, 0x0c), "it is truncated"],
      [Uint8Array.of(0, 0, 0, 0, ...ehFrame), "length of 0"],
      [changed(9, 0x52), "encoding 0x0"],
      [changed(28, 0x18), "refers to no CIE"],
      [changed(36, 0x41), "describes 65 bytes"],
      [changed(32, 0x9f), "from offset -1"],
      [changed(0, 0xff), "length of 255"],
      [changed(0, 2), "length of 2"],
    ];
    for (const [unwinding, message] of cases) {
      const error = assertThrows(() => x86(unwinding), RangeError);
      assertStringIncludes(error.message, message);
    }
  });

  it("is rejected when a step is not at an AArch64 instruction", () => {
    assertThrows(
      () =>
        dumped(
          { unwinding: [{ offset: 6, adjust: 16 }] },
          undefined,
          EM_AARCH64,
        ),
      RangeError,
      '"unwinding[0].offset" must be a multiple of 4, got 6',
    );
  });

  it("is rejected when the machine is unknown and steps are given", () => {
    assertThrows(
      () => dumped({ unwinding: [] }, undefined, 243),
      TypeError,
      "ELF machine 243",
    );
  });
});

describe("unwindingSpace()", () => {
  it("throws when an argument is invalid", () => {
    const cases: [unknown[], string][] = [
      [[-1, []], '"codeSize"'],
      [["1", []], '"codeSize"'],
      [[1, 5], '"unwinding"'],
      [[1, [], 62], '"options"'],
      [[1, [], { eMachine: 65536 }], '"options.eMachine"'],
    ];
    for (const [args, message] of cases) {
      const call = () => unwindingSpace(...args as [number, []]);
      assertThrows(call, Error, message);
    }
  });
});

describe("the other records", () => {
  it("have the given fields when dumpCodeMoveRecord() writes them", () => {
    const records = written((dump) =>
      dump.dumpCodeMoveRecord({
        codeIndex: 0x1122_3344_5566_7788n,
        oldAddress: 0x1000,
        newAddress: ADDRESS,
        codeSize: 0x7fff_ffff,
        timestamp: TIME,
        pid: 5,
        tid: 6,
      })
    );
    const [{ id, timestamp, body }] = records;
    assertEquals([id, timestamp, body.byteLength], [1, TIME, 64]);
    assertEquals([body.getUint32(16, true), body.getUint32(20, true)], [5, 6]);
    assertEquals(
      [24, 32, 40, 48, 56].map((at) => body.getBigUint64(at, true)),
      [ADDRESS, 0x1000n, ADDRESS, 0x7fff_ffffn, 0x1122_3344_5566_7788n],
    );
  });

  it("have a header and padding when dumpCodeCloseRecord() writes them", () => {
    const records = written((dump) => {
      dump.dumpCodeCloseRecord(TIME);
      const before = dump.getTimeStamp();
      dump.dumpCodeCloseRecord();
      const { timestamp } = parseDump(Deno.readFileSync(dump.path)).records[1];
      assert(before <= timestamp && timestamp <= dump.getTimeStamp());
    });
    assertEquals(
      records.map(({ id, body }) => [id, body.byteLength]),
      [[3, 24], [3, 24]],
    );
    assertEquals(records[0].timestamp, TIME);
  });

  it("have the given entries when dumpDebugInfoRecord() writes them", () => {
    const info = {
      address: ADDRESS,
      timestamp: TIME,
      entries: [
        { address: ADDRESS + 4n, line: 3, discrim: 7, file: "b.ts" },
        { address: ADDRESS, line: 1, discrim: 0, file: "a.ts" },
      ],
    };
    const records = written((dump) => dump.dumpDebugInfoRecord(info));
    assertEquals(records.map(parseDebugInfo), [info]);
  });

  it("have the given sections when dumpUnwindingInfoRecord() writes them", () => {
    const info = {
      ehFrame: Uint8Array.of(1, 2, 3),
      ehFrameHdr: Uint8Array.of(4, 5),
      mappedSize: 77,
      timestamp: TIME,
    };
    const records = written((dump) => dump.dumpUnwindingInfoRecord(info));
    assertEquals(records.map(parseUnwindingInfo), [
      { ...info, mappedSize: 77n },
    ]);
  });
});
