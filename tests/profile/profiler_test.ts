import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { collapse } from "../../src/profile/collapsed.ts";
import { EventProfiles } from "../../src/profile/event_profiles.ts";
import { hintText } from "../../src/profile/hint.ts";
import type { Profile } from "../../src/profile/profile.ts";
import {
  type ProfileOptions,
  readProfile,
} from "../../src/profile/profiler.ts";
import { functionTotals } from "../../src/profile/totals.ts";
import type { PerfEvent } from "../../src/perf_data/events.ts";
import {
  DumpBuilder,
  type HeaderFields,
  type LoadFields,
} from "../support/build_dump.ts";
import {
  KERNEL,
  RecordingBuilder,
  START,
  USER,
  USER_DEFERRED,
  WITH_STACK,
  WITH_USER_IP,
  WITHOUT_TIME,
} from "../support/build_recording.ts";
import { stackOf } from "../support/build_stack.ts";
import type { EventFields } from "../support/build_perf_data.ts";
import { headerAttr } from "../support/recordings.ts";
import { temporaryDirectory } from "../support/script.ts";

/** A directory for a recording and its dumps. */
class RecordingDirectory implements Disposable {
  readonly #directory = temporaryDirectory();

  get path(): string {
    return this.#directory.path;
  }

  /** Writes a dump whose functions are 0x40 bytes long, and returns its path. */
  dump(
    name: string,
    functions: LoadFields[],
    header: HeaderFields = {},
  ): string {
    const builder = new DumpBuilder(true, header);
    for (const [i, fields] of functions.entries()) {
      builder.load({
        ...{ index: BigInt(i), time: START, code: new Uint8Array(0x40) },
        ...fields,
      });
    }
    const path = join(this.path, name);
    Deno.writeFileSync(path, builder.bytes);
    return path;
  }

  /** Writes and reads a recording. */
  read(
    recording: RecordingBuilder | Uint8Array,
    options: ProfileOptions = {},
  ): Promise<Profile> {
    const path = join(this.path, "perf.data");
    Deno.writeFileSync(
      path,
      recording instanceof Uint8Array ? recording : recording.file(),
    );
    return readProfile(path, options);
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

const AT = 0x7000_0000;
const NEXT = AT + 0x40;

const f: LoadFields = { name: "f", address: BigInt(AT) };
const g: LoadFields = { name: "g", address: BigInt(NEXT) };

/** Returns the self weights of functions by name. */
const selves = (profile: Profile) =>
  Object.fromEntries(
    functionTotals(profile).filter(({ self }) => self > 0)
      .map(({ symbol, self }) => [symbol.name, self]),
  );

/** Returns call chains without their process. */
const chains = (profile: Profile) =>
  [...collapse(profile)].map((line) => line.replace(/^[^;]*;/, "")).sort();

const hints = ({ hints }: Profile) => hints.map(hintText).join("\n");

describe("readProfile()", () => {
  describe("finding the dump of each process", () => {
    it("succeeds when a later dump has the name of an earlier one", async () => {
      using directory = new RecordingDirectory();
      const first = directory.dump("jit-1.dump.old", [{ ...f, pid: 1 }], {
        pid: 1,
      });
      const second = directory.dump(
        "jit-1.dump",
        [{ ...g, address: f.address, pid: 1 }],
        { pid: 1 },
      );
      const recorded = join(directory.path, "jit-1.dump");
      const inode = Deno.statSync(first).ino!;
      const profile = await directory.read(
        new RecordingBuilder()
          .map(recorded, { pid: 7, inode }).sample(AT, { pid: 7 })
          .mapDump(second, { pid: 8 }).sample(AT, { pid: 8, period: 2 }),
      );
      assertEquals(selves(profile), { f: 1, g: 2 });
      assertEquals(hints(profile), "");
    });

    it("succeeds when both processes have code at the same addresses", async () => {
      using directory = new RecordingDirectory();
      const [first, second] = [
        directory.dump("jit-7.dump", [f]),
        directory.dump("jit-8.dump", [{ ...g, address: f.address, pid: 8 }], {
          pid: 8,
        }),
      ];
      const profile = await directory.read(
        new RecordingBuilder()
          .mapDump(first, { pid: 7 }).mapDump(second, { pid: 8 })
          .sample(AT, { pid: 7 }).sample(AT, { pid: 8 }).sample(AT, { pid: 9 }),
      );
      assertEquals(selves(profile), { f: 1, g: 1, "[unknown]": 1 });
    });

    it("succeeds when two engines of one process count from 0", async () => {
      using directory = new RecordingDirectory();
      for (const name of ["a", "b"]) Deno.mkdirSync(join(directory.path, name));
      const recording = new RecordingBuilder()
        .mapDump(directory.dump("a/jit-7.dump", [f]))
        .mapDump(directory.dump("b/jit-7.dump", [g]), { start: 0x20_0000 })
        .sample(AT + 1).sample(NEXT + 2, { period: 3 });
      const profile = await directory.read(recording, { instructions: true });
      assertEquals(selves(profile), { f: 1, g: 3 });
      assertEquals(
        profile.dumps.map(({ functions }) =>
          [...functions.values()].map(({ name, byOffset }) => [
            name,
            ...byOffset,
          ])
        ),
        [[["f", [1, 1]]], [["g", [2, 3]]]],
      );
    });

    it("succeeds when the name of a dump is unusual", async () => {
      using directory = new RecordingDirectory();
      const dump = directory.dump("jit-9-7-abc.dump", [f]);
      const other = join(directory.path, "text");
      Deno.writeTextFileSync(other, "JiTD is no dump");
      const profile = await directory.read(
        new RecordingBuilder().mapDump(other).mapDump(dump).sample(AT),
      );
      assertEquals(selves(profile), { f: 1 });
    });

    it("succeeds when a dump was moved to the recording or to a given directory", async () => {
      using directory = new RecordingDirectory();
      using elsewhere = new RecordingDirectory();
      directory.dump("jit-7.dump", [f]);
      const recording = new RecordingBuilder()
        .map("/nowhere/jit-7.dump", { inode: 3 }).sample(AT);
      assertEquals(selves(await directory.read(recording)), { f: 1 });
      const dumps = [directory.path];
      assertEquals(selves(await elsewhere.read(recording, { dumps })), {
        f: 1,
      });
      const without = await elsewhere.read(recording);
      assertEquals(selves(without), { "[unknown]": 1 });
      assertStringIncludes(hints(without), "pass its directory with --dumps");
    });

    it("fails when the dump is of an earlier process with that id", async () => {
      using directory = new RecordingDirectory();
      const early = START - 10n ** 12n;
      directory.dump("jit-7.dump", [{ ...f, time: early }]);
      const profile = await directory.read(
        new RecordingBuilder()
          .map(join(directory.path, "jit-7.dump"), { inode: 3 }).sample(AT),
      );
      assertEquals(selves(profile), { "[unknown]": 1 });
      assertStringIncludes(hints(profile), "another process has written");
    });
  });

  describe("reading a faulty dump", () => {
    const withDump = async (bytes: Uint8Array | undefined) => {
      using directory = new RecordingDirectory();
      const good = directory.dump("jit-8.dump", [f], { pid: 8 });
      const bad = join(directory.path, "jit-7.dump");
      if (bytes) Deno.writeFileSync(bad, bytes);
      const profile = await directory.read(
        new RecordingBuilder()
          .map(bad, { inode: bytes ? Deno.statSync(bad).ino! : 3 })
          .mapDump(good, { pid: 8 })
          .sample(NEXT).sample(AT, { pid: 8 }),
      );
      return { selves: selves(profile), hints: hints(profile) };
    };
    const dumpOf = (...functions: LoadFields[]) => {
      const builder = new DumpBuilder();
      for (const fields of functions) {
        builder.load({ time: START, code: new Uint8Array(0x40), ...fields });
      }
      return builder.bytes;
    };

    it("returns the rest and a hint when it is missing", async () => {
      const { selves, hints } = await withDump(undefined);
      assertEquals(selves, { f: 1, "[unknown]": 1 });
      assertMatch(hints, /jit-7\.dump cannot be read \(no such file\)/);
    });

    it("returns the rest and a hint when it was deleted", async () => {
      using directory = new RecordingDirectory();
      const good = directory.dump("jit-8.dump", [f], { pid: 8 });
      const deleted = `${join(directory.path, "jit-7.dump")} (deleted)`;
      const profile = await directory.read(
        new RecordingBuilder().map(deleted, { inode: 3 })
          .mapDump(good, { pid: 8 }).sample(NEXT).sample(AT, { pid: 8 }),
      );
      assertEquals(selves(profile), { f: 1, "[unknown]": 1 });
      assertMatch(
        hints(profile),
        /jit-7\.dump cannot be read \(no such file\)/,
      );
    });

    it("returns the rest and a hint when it is empty", async () => {
      const { selves, hints } = await withDump(new Uint8Array(0));
      assertEquals(selves, { f: 1, "[unknown]": 1 });
      assertMatch(hints, /jit-7\.dump cannot be read .*0 bytes/);
    });

    it("returns the rest and a hint when it has no valid header", async () => {
      const { selves, hints } = await withDump(new Uint8Array(100));
      assertEquals(selves, { f: 1, "[unknown]": 1 });
      assertMatch(hints, /jit-7\.dump cannot be read/);
    });

    it("returns a hint when it has no functions", async () => {
      const { hints } = await withDump(dumpOf());
      assertMatch(hints, /jit-7\.dump has no functions/);
    });

    it("returns a hint when it ends within a record", async () => {
      const bytes = dumpOf(g, { ...g, address: 0x9000n });
      const { selves, hints } = await withDump(bytes.subarray(0, -70));
      assertEquals(selves, { f: 1, g: 1 });
      assertMatch(hints, /jit-7\.dump ends within the record at byte/);
    });

    it("returns a hint when no function has a sample", async () => {
      const { hints } = await withDump(dumpOf({ ...g, address: 0x9000n }));
      assertMatch(hints, /no function of .*jit-7\.dump has a sample, and 50 %/);
      assertStringIncludes(hints, "(address)");
    });
  });

  describe("naming code", () => {
    /** Reads samples of a process whose dump has f and g. */
    const withFunctions = async (
      add: (recording: RecordingBuilder) => void,
      functions = [f, g],
    ) => {
      using directory = new RecordingDirectory();
      const dump = directory.dump("jit-7.dump", functions);
      const recording = new RecordingBuilder().mapDump(dump);
      add(recording);
      return await directory.read(recording);
    };

    it("uses the parent's functions up to the fork when a child has samples", async () => {
      const late = START + 1_000_000_000n;
      const profile = await withFunctions((recording) =>
        recording.fork(7, 70)
          .sample(AT, { pid: 70 })
          .sample(NEXT, { pid: 70, time: 2_000_000_000 })
          .sample(NEXT, { pid: 7, time: 2_000_000_000, period: 5 }), [f, {
        ...g,
        time: late,
      }]);
      assertEquals(selves(profile), { f: 1, "[unknown]": 1, g: 5 });
    });

    it("uses each process's own functions when children append to the dump", async () => {
      const late = START + 1_000_000_000n;
      const own = { ...g, address: f.address, pid: 70, time: late };
      const profile = await withFunctions((recording) => {
        recording.fork(7, 70);
        for (const pid of [7, 70]) {
          recording.sample(AT, { pid, time: 500_000_000 })
            .sample(AT, { pid, time: 2_000_000_000 });
        }
      }, [{ ...f, pid: 7 }, own]);
      assertEquals(chains(profile), ["f 1", "f 2", "g 1"]);
    });

    it("uses the functions of other processes when they share memory", async () => {
      const late = START + 1_000_000_000n;
      const time = 2_000_000_000;
      const profile = await withFunctions((recording) =>
        recording
          .map("/dev/zero (deleted)", { start: AT, size: 0x40, time: 1 })
          .fork(7, 70).fork(7, 71)
          .sample(AT, { pid: 7, time }).sample(AT, { pid: 71, time })
          // The memory after it is not shared.
          .sample(NEXT, { pid: 71, time }), [
        { ...f, pid: 70, time: late },
        { ...g, pid: 70, time: late },
      ]);
      assertEquals(selves(profile), { f: 2, "[unknown]": 1 });
    });

    it("succeeds when many mappings are older than the recording", async () => {
      using directory = new RecordingDirectory();
      const recording = new RecordingBuilder({ flags: [25] }) // only samples have times
        .mapDump(directory.dump("jit-7.dump", [f]));
      for (let i = 0; i < 20_000; i++) {
        recording.map("/usr/lib/some.so", { pid: 8 });
      }
      const profile = await directory.read(recording.sample(AT));
      assertEquals(selves(profile), { f: 1 });
      assertEquals(hints(profile), "");
    });

    it("ignores earlier dumps when a process has called exec", async () => {
      const profile = await withFunctions((recording) =>
        recording.sample(AT).comm(7, "other", true).sample(AT)
      );
      assertEquals(selves(profile), { f: 1, "[unknown]": 1 });
    });

    it("finds jitted functions when their memory is a mapped file", async () => {
      const profile = await withFunctions((recording) => {
        for (let i = 0; i < 100; i++) {
          recording.map("/memfd:jit (deleted)", {
            ...{ start: AT, size: 0x1000, offset: 0x1000 * i, inode: 9 },
          });
          recording.map("/dev/shm/code (deleted)", {
            ...{ start: AT, size: 0x40, inode: 10 },
          });
          recording.sample(AT).sample(NEXT);
        }
      });
      assertEquals(selves(profile), { f: 100, g: 100 });
    });

    it("uses the first function, with a hint, when a sample is earlier than its record", async () => {
      const late = START + 1_000_000_000n;
      const profile = await withFunctions(
        (recording) =>
          recording.sample(AT).sample(AT, { time: 2_000_000_000 })
            .sample(NEXT, { time: 2_000_000_000 }),
        [{ ...f, time: late }, g, { ...g, name: "h", time: late, index: 3n }],
      );
      assertEquals(selves(profile), { f: 2, h: 1 });
      assertMatch(hints(profile), /1 samples are earlier than the record/);
    });

    it("uses the sampled address when a call chain is empty or invalid", async () => {
      const profile = await withFunctions((recording) =>
        recording.sample(AT)
          .sample(AT, { chain: [USER] })
          .sample(AT, { chain: [USER, AT, 0xffff_ffff_ffff_f001n, NEXT] })
          .sample(AT, { chain: [USER, AT, 0x8000_0000_0000_0000n, 1] })
          .sample(AT, { chain: [USER, 3, NEXT + 8] })
          .sample(NEXT, { chain: [AT] })
      );
      assertEquals(selves(profile), { f: 5, g: 1 });
      assertEquals(profile.weight, 6);
    });

    it("uses the address of the call when a frame is a caller", async () => {
      const profile = await withFunctions((recording) =>
        recording
          .sample(AT + 4, { chain: [USER, AT + 4, NEXT] })
          .sample(0xffff_ffff_8100_0000n, {
            isKernel: true,
            chain: [KERNEL, 0xffff_ffff_8100_0000n, USER, NEXT, NEXT],
          })
      );
      assertEquals(chains(profile), ["f;f 1", "f;g;[kernel] 1"]);
    });

    it("joins the user part of a call chain when it is recorded later", async () => {
      const chain = [KERNEL, 0xffff_ffff_8100_0000n, USER_DEFERRED, 99];
      const ip = 0xffff_ffff_8100_0000n;
      const profile = await withFunctions((recording) =>
        recording.sample(ip, { isKernel: true, chain })
          .sample(ip, { isKernel: true, chain })
          .deferred(99, [USER, AT, NEXT + 4])
          .sample(ip, { isKernel: true, chain })
      );
      assertEquals(chains(profile), ["[kernel] 1", "g;f;[kernel] 2"]);
    });

    it("uses the user's instruction pointer when there is no user chain", async () => {
      using directory = new RecordingDirectory();
      const profile = await directory.read(
        new RecordingBuilder(WITH_USER_IP)
          .mapDump(directory.dump("jit-7.dump", [f, g]))
          .sample(AT, { registers: [AT] })
          .sample(0xffff_ffff_8100_0000n, {
            ...{ isKernel: true, registers: [NEXT] },
            chain: [KERNEL, 0xffff_ffff_8100_0000n],
          }),
      );
      assertEquals(chains(profile), ["f 1", "g;[kernel] 1"]);
    });

    it("has unknown callers when the copy of the stack ends before the thread's start", async () => {
      using directory = new RecordingDirectory();
      const sp = 0x7ffd_0000_1000;
      const profile = await directory.read(
        new RecordingBuilder(WITH_STACK)
          .mapDump(directory.dump("jit-7.dump", [f, g]))
          .sample(AT, {
            registers: [sp + 16, sp, AT],
            stack: stackOf(sp, 4, { [sp + 16]: 0, [sp + 24]: NEXT + 8 }),
          })
          .sample(AT, {
            registers: [sp + 16, sp, AT],
            stack: stackOf(sp, 4, {
              [sp + 16]: sp + 4096,
              [sp + 24]: NEXT + 8,
            }),
          }),
      );
      assertEquals(chains(profile), ["[callers unknown];g;f 1", "g;f 1"]);
      assertEquals(profile.processes.length, 1);
    });

    it("has unknown callers when the kernel's chain ends outside code", async () => {
      const profile = await withFunctions((recording) =>
        recording.map("//anon", { start: 0x50_0000 })
          .sample(AT, { chain: [USER, AT, NEXT + 4, 0x1234] })
          .sample(AT, { chain: [USER, AT, NEXT + 4, 0x50_0004] })
          .sample(0x1234, { chain: [USER, 0x1234] })
      );
      assertEquals(chains(profile), [
        "[callers unknown];g;f 1",
        "[unknown] 1",
        "[unknown];g;f 1",
      ]);
    });

    it("keeps the names of threads when they are unusual", async () => {
      const profile = await withFunctions((recording) => {
        for (const [i, name] of ["a b", "(x)", "a/b", "[c]\n"].entries()) {
          recording.comm(100 + i, name).sample(AT, { tid: 100 + i });
        }
      });
      assertEquals(profile.processes, ["a b 7", "(x) 7", "a/b 7", "[c]\n 7"]);
    });

    it("keeps all frames when a recursion is as deep as a record can hold", async () => {
      const depth = 8000;
      const profile = await withFunctions((recording) =>
        recording.sample(AT, { chain: [USER, ...Array(depth).fill(AT + 8)] })
      );
      const [{ self, total }] = functionTotals(profile);
      assertEquals([self, total], [1, 1]);
      assertEquals([...collapse(profile)][0].split(";f").length, depth + 1);
    });

    it("returns a hint when the kernel has truncated call chains", async () => {
      const profile = await withFunctions((recording) => {
        for (let i = 0; i < 9; i++) {
          const chain = [USER, ...Array(127).fill(AT + 8 + i)];
          recording.sample(AT, { chain });
        }
      });
      assertMatch(hints(profile), /9 call chains end after 127 frames/);
      assertStringIncludes(
        hints(profile),
        "sysctl kernel.perf_event_max_stack",
      );
    });
  });

  describe("returning samples one by one", () => {
    it("names their threads and chains when timeline is true", async () => {
      using directory = new RecordingDirectory();
      const recording = new RecordingBuilder()
        .mapDump(directory.dump("jit-7.dump", [f, g]))
        .comm(8, "a worker")
        .sample(AT, { time: 50_000, period: 2 })
        .sample(NEXT, { time: 60_000, tid: 8 });
      const { timeline, tree, symbols, dumps } = await directory.read(
        recording,
        {
          timeline: true,
        },
      );
      const [{ pid, loads }] = dumps;
      assertEquals(pid, 7);
      // The functions are of 0 ns.
      assertEquals(loads.map(({ name, time }) => [name, time]), [
        ["f", -2000],
        ["g", -2000],
      ]);
      const { time, thread, node, weight, threads } = timeline;
      // The first record of the recording is at 2000 ns.
      assertEquals([...time], [48_000, 58_000]);
      assertEquals([...weight], [2, 1]);
      assertEquals(Array.from(thread, (i) => threads[i].name), [
        ":7",
        "a worker",
      ]);
      const names = Array.from(node, (at) => symbols[tree.frameOf(at)].name);
      assertEquals(names, ["f", "g"]);
      const none = await directory.read(recording);
      assertEquals([none.timeline.length, none.dumps[0].loads.length], [0, 0]);
    });

    it("has times since the earliest sample when another ring buffer is first", async () => {
      using directory = new RecordingDirectory();
      const dump = directory.dump("jit-7.dump", [
        f,
        { ...g, address: f.address, time: START + 40_000n },
      ]);
      const recording = new RecordingBuilder({ flags: [25] }) // only samples have times
        .mapDump(dump)
        .sample(AT, { time: 50_000 })
        .sample(AT, { time: 60_000 })
        .sample(AT, { time: 20_000, period: 2 })
        .sample(AT, { time: 45_000 });
      const profile = await directory.read(recording, { timeline: true });
      assertEquals([...profile.timeline.time], [0, 25_000, 30_000, 40_000]);
      assertEquals(selves(profile), { f: 2, g: 3 });
      const late = await directory.read(recording, {
        selection: { since: 26_000 },
      });
      assertEquals(late.samples, 2);
    });
  });

  describe("returning a hint", () => {
    it("happens when a dump ends long before the recording", async () => {
      using directory = new RecordingDirectory();
      const dump = directory.dump("jit-7.dump", [f]);
      const profile = await directory.read(
        new RecordingBuilder().mapDump(dump).sample(AT)
          .sample(NEXT, { time: 5_000_000_000 }),
      );
      assertMatch(
        hints(profile),
        /the dumps of :7 7 end long before the recording ends, and 50 %/,
      );
    });

    it("happens when functions have unwind info and the recording has no stacks", async () => {
      using directory = new RecordingDirectory();
      const path = join(directory.path, "jit-7.dump");
      const { bytes } = new DumpBuilder().unwinding(new Uint8Array(24), 20)
        .load({ ...f, time: START, code: new Uint8Array(0x40) });
      Deno.writeFileSync(path, bytes);
      const profile = await directory.read(
        new RecordingBuilder().mapDump(path).sample(AT),
      );
      assertMatch(hints(profile), /have unwind info, but the recording has no/);
    });

    it("happens when check finds an error in the first part of a large dump", async () => {
      using directory = new RecordingDirectory();
      const dump = directory.dump("jit-7.dump", [f, { ...g, index: 0n }]);
      // Zeros after the records, as the sink "mapped" leaves them.
      Deno.truncateSync(dump, 20 * 1024 * 1024);
      const profile = await directory.read(
        new RecordingBuilder().mapDump(dump).sample(AT),
      );
      assertMatch(hints(profile), /jit-7\.dump has a fault .*code index 0/);
    });

    it("happens when check finds an error in a dump", async () => {
      using directory = new RecordingDirectory();
      const dump = directory.dump("jit-7.dump", [f, { ...g, index: 0n }]);
      const profile = await directory.read(
        new RecordingBuilder().mapDump(dump).sample(AT),
      );
      assertMatch(hints(profile), /jit-7\.dump has a fault .*code index 0/);
      assertStringIncludes(hints(profile), `run jitdump check ${dump}`);
    });
  });

  describe("reading timestamps", () => {
    const flagged = async (
      time: bigint,
      add: (recording: RecordingBuilder) => void = () => {},
      header: { flags?: bigint } = { flags: 1n },
    ) => {
      using directory = new RecordingDirectory();
      const [old, now] = ["old", "now"].map((name, i) => ({
        ...{ name, address: f.address, time: time + BigInt(i) },
      }));
      const dump = directory.dump("jit-7.dump", [old, now], header);
      const recording = new RecordingBuilder();
      add(recording);
      return await directory.read(recording.mapDump(dump).sample(AT));
    };

    it("converts them when they are processor ticks", async () => {
      // Three ticks a nanosecond: time = zero + (ticks * mult >> shift).
      const mult = Math.floor(2 ** 20 / 3);
      const ticks = START * 3n;
      const profile = await flagged(
        ticks,
        (recording) =>
          recording.timeConv(20, mult, START - (ticks * BigInt(mult) >> 20n)),
      );
      assertEquals(selves(profile), { now: 1 });
      assertEquals(hints(profile), "");
    });

    it("returns a hint when the header wrongly declares processor ticks", async () => {
      const expected = /declares timestamps in processor ticks, but they are/;
      const without = await flagged(START);
      assertEquals(selves(without), { now: 1 });
      assertMatch(hints(without), expected);
      const profile = await flagged(
        START,
        (recording) => recording.timeConv(10, 350, 0n),
      );
      assertEquals(selves(profile), { now: 1 });
      assertMatch(hints(profile), expected);
    });

    it("returns a hint when they are later or earlier than all samples", async () => {
      const later = await flagged(START + 10n ** 14n, () => {}, {});
      assertMatch(hints(later), /jit-7\.dump are later than all samples/);
      assertStringIncludes(hints(later), "time namespace");
      const earlier = await flagged(START - 10n ** 12n, () => {}, {});
      assertMatch(hints(earlier), /are earlier than the dump itself/);
    });

    it("returns no hint when they are later than the selected samples only", async () => {
      using directory = new RecordingDirectory();
      const dump = directory.dump("jit-7.dump", [
        { ...f, time: START + 5000n },
      ]);
      const recording = new RecordingBuilder().mapDump(dump)
        .sample(NEXT, { time: 2000 }).sample(AT, { time: 9000 });
      const selection = { until: 4000 };
      const profile = await directory.read(recording, { selection });
      assertEquals([profile.samples, profile.duration], [1, 0]);
      assertEquals(hints(profile).includes("clock"), false, hints(profile));
    });

    for (const [direction, shift] of [["ahead", 1], ["behind", -1]] as const) {
      it(`corrects them when the dump's clock is ${direction}, as in a time namespace`, async () => {
        using directory = new RecordingDirectory();
        const offset = BigInt(shift) * 5_000_000_000_000n;
        const times = {
          old: START,
          now: START + 100_000n,
          next: START + 10n ** 9n,
        };
        const dump = directory.dump(
          "jit-7.dump",
          Object.entries(times).map(([name, time]) => ({
            ...{ ...f, name, time: time + offset },
          })),
          { time: START + offset },
        );
        const profile = await directory.read(
          new RecordingBuilder().mapDump(dump, { time: 1 })
            .sample(AT, { time: 50_000 }).sample(AT, { time: 200_000 })
            .sample(AT, { time: 2e9 }),
        );
        assertEquals(selves(profile), { old: 1, now: 1, next: 1 });
        assertMatch(hints(profile), /is 5000 s (ahead|behind).* corrected/);
      });
    }

    it("keeps them when a dump was opened again, or its first function is late", async () => {
      using directory = new RecordingDirectory();
      const hour = 3_600_000_000_000;
      const functions = [f, { ...f, name: "late", time: START + BigInt(hour) }];
      const dump = directory.dump("jit-7.dump", functions, { time: START });
      const profile = await directory.read(
        new RecordingBuilder().mapDump(dump, { time: hour / 2 })
          .sample(AT, { time: hour / 2 + 1 }).sample(AT, { time: hour + 1 }),
      );
      assertEquals(selves(profile), { f: 1, late: 1 });
      assertEquals(hints(profile), "");
    });

    for (
      const [what, event] of [
        ["another clock", { flags: [18] }],
        ["the wall clock", { clockid: 0 }],
        ["no times", WITHOUT_TIME],
      ] as [string, EventFields][]
    ) {
      it(`names code that only one function had when the recording has ${what}`, async () => {
        using directory = new RecordingDirectory();
        const other = START + 10n ** 15n;
        const dump = directory.dump("jit-7.dump", [
          { ...f, time: other },
          { ...g, time: other },
          { ...g, name: "h", time: other + 1n, index: 9n },
        ]);
        const profile = await directory.read(
          new RecordingBuilder(event)
            .mapDump(dump)
            .sample(AT).sample(NEXT, { period: 2 }),
        );
        assertEquals(selves(profile), { f: 1, "[unknown]": 2 });
        assertMatch(hints(profile), /another clock than the dump .*-k mono/);
      });
    }

    it("returns no hint on the clock when there is no dump", async () => {
      using directory = new RecordingDirectory();
      const profile = await directory.read(
        new RecordingBuilder({ flags: [18] }).sample(AT),
      );
      assertEquals(profile.samples, 1);
      assert(!hints(profile).includes("clock"), hints(profile));
    });
  });

  describe("reading several events", () => {
    const DUMMY = { config: 9 };
    const CLOCK = { config: 0 };
    const FAULTS = { config: 2 };
    /** `cycles` of a hybrid processor's PMUs. */
    const halves = [4, 8].map((pmu) => ({ type: 0, config: pmu * 2 ** 32 }));

    it("returns the one with the greatest weight when none is requested", async () => {
      using directory = new RecordingDirectory();
      const recording = new RecordingBuilder(DUMMY, FAULTS, CLOCK)
        .sample(AT, { event: 0, period: 1000 })
        .sample(AT, { event: 1, period: 2 })
        .sample(AT, { event: 2, period: 500 });
      const profile = await directory.read(recording);
      assertEquals([profile.event, profile.weight], ["cpu-clock", 500]);
      assertEquals(profile.others.map(({ name }) => name), [
        ...["dummy", "page-faults"],
      ]);
      const faults = await directory.read(recording, { event: "page-faults" });
      assertEquals([faults.event, faults.weight], ["page-faults", 2]);
      await assertRejects(
        () => directory.read(recording, { event: "cycles" }),
        Error,
        'no samples of "cycles": it has dummy, cpu-clock, page-faults',
      );
    });

    it("combines both halves of a hybrid event when perf has recorded their names", () => {
      const profiles = new EventProfiles(false);
      for (const half of ["core", "atom"]) {
        const event = { name: `cpu_${half}/cycles:ppp/` } as PerfEvent;
        profiles.of(event).samples++;
      }
      const [{ name, samples }, ...others] = profiles.sampled;
      assertEquals([name, samples, others], ["cycles:ppp", 2, []]);
      assertEquals(profiles.choose("cycles")?.samples, 2);
      assertEquals(profiles.choose("cpu_core/cycles:ppp/")?.samples, 2);
    });

    it("combines both halves of a hybrid event when each has samples", async () => {
      using directory = new RecordingDirectory();
      const profile = await directory.read(
        new RecordingBuilder(...halves)
          .sample(AT, { event: 0 }).sample(AT, { event: 1, period: 2 }),
      );
      assertEquals([profile.event, profile.samples, profile.weight], [
        ...["cycles", 2, 3],
      ]);
      assertEquals(profile.others, []);
    });
  });

  describe("reading a recording", () => {
    const recording = () =>
      new RecordingBuilder().map("//anon", { start: AT }).sample(AT);

    it("succeeds when perf was killed or wrote to a pipe", async () => {
      using directory = new RecordingDirectory();
      assertEquals(selves(await directory.read(recording().file(true))), {
        "[unknown]": 1,
      });
      const pipe = recording().pipe((into, { ids, ...attr }) => {
        headerAttr(into, attr, ids as number[]);
      });
      assertEquals(selves(await directory.read(pipe)), { "[unknown]": 1 });
    });

    it("names the kernel's functions when perf recorded with --kcore", async () => {
      using directory = new RecordingDirectory();
      const kernel = 0xffff_ffff_8100_0000n;
      const recorded = join(directory.path, "recorded");
      Deno.mkdirSync(join(recorded, "kcore_dir"), { recursive: true });
      Deno.writeTextFileSync(
        join(recorded, "kcore_dir", "kallsyms"),
        "ffffffff81000000 T _text\nffffffff81000100 T do_work\nffffffff81000200 T _etext\n",
      );
      Deno.writeFileSync(
        join(recorded, "data"),
        recording().sample(kernel + 0x110n, { isKernel: true }).file(),
      );
      const profile = await readProfile(recorded);
      assertEquals(selves(profile), { "[unknown]": 1, do_work: 1 });
    });

    it("counts the kernel's code when its addresses have 32 bits", async () => {
      using directory = new RecordingDirectory();
      const profile = await directory.read(
        recording().sample(0xc100_0000, { isKernel: true }),
      );
      assertEquals(selves(profile), { "[unknown]": 1, "[kernel]": 1 });
    });

    it("returns the preceding samples and a hint when data is corrupt", async () => {
      using directory = new RecordingDirectory();
      const bytes = recording().file(true);
      const damaged = new Uint8Array([...bytes, ...new Uint8Array(100)]);
      const profile = await directory.read(damaged);
      assertEquals(selves(profile), { "[unknown]": 1 });
      assertMatch(hints(profile), /the recording is corrupt/);
    });

    it("returns a hint when samples were lost", async () => {
      using directory = new RecordingDirectory();
      const profile = await directory.read(recording().lost(40));
      assertMatch(hints(profile), /40 records were lost/);
    });

    it("returns a hint when code has no dump", async () => {
      using directory = new RecordingDirectory();
      const profile = await directory.read(recording());
      assertMatch(
        hints(profile),
        /100 % of the time is in code of :7 7 that no dump describes, and the recording names no dump/,
      );
      assert(profile.hints.length <= 5);
    });

    it("throws when it has no samples or is malformed", async () => {
      using directory = new RecordingDirectory();
      await assertRejects(
        () => directory.read(new RecordingBuilder()),
        Error,
        "has no samples",
      );
      await assertRejects(
        () => directory.read(new Uint8Array(0)),
        Error,
        "is not a readable recording of perf",
      );
    });
  });
});
