import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { readAttr } from "../../src/perf_data/attr.ts";
import { Window } from "../../src/perf_data/bytes.ts";
import { parseEvent, userOnly } from "../../src/recorder/event.ts";
import {
  attrOf,
  type SampleSettings,
  userRegisters,
} from "../../src/recorder/sample_settings.ts";

/** Names of registers, in the order of their bits (asm/perf_regs.h, Linux 6.1). */
const X86_64 = [
  ...["ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip", "flags"],
  ...["cs", "ss", "ds", "es", "fs", "gs"],
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
];
const AARCH64 = [
  ...Array.from({ length: 30 }, (_, number) => `x${number}`),
  ...["lr", "sp", "pc", "vg"],
];

const namesIn = (mask: bigint, names: string[]) =>
  names.filter((_, bit) => mask >> BigInt(bit) & 1n);

const SETTINGS: SampleSettings = {
  frequency: 4000,
  callGraph: "dwarf",
  stackSize: 8192,
};

/** Returns an event's attributes as the reader of recordings returns them. */
function attrFor(event: Parameters<typeof attrOf>[0], settings = SETTINGS) {
  const bytes = attrOf(event, settings, true);
  return readAttr(new Window(bytes, true, 0), 0, bytes.length);
}

describe("userRegisters()", () => {
  it("has all registers but ds, es, fs and gs when the machine is x86-64", () => {
    const names = namesIn(userRegisters("x86_64"), X86_64);
    const segments = ["ds", "es", "fs", "gs"];
    assertEquals(names, X86_64.filter((name) => !segments.includes(name)));
  });

  it("has x0 to pc when the machine is AArch64", () => {
    const names = namesIn(userRegisters("aarch64"), AARCH64);
    assertEquals(names, AARCH64.slice(0, 33));
  });
});

describe("attrOf()", () => {
  it("requests registers and copies of the stack when callGraph is dwarf", () => {
    const attr = attrFor(parseEvent("cpu-clock")!);
    assertEquals(attr.sampleRegsUser, userRegisters(Deno.build.arch));
    assertEquals(attr.sampleStackUser, 8192);
    const chain = attrFor(parseEvent("cpu-clock")!, {
      ...SETTINGS,
      callGraph: "fp",
    });
    assertEquals([chain.sampleRegsUser, chain.sampleStackUser], [0n, 0]);
  });

  it("sets the clock and the flags when an exec enables the event", () => {
    const bytes = attrOf(userOnly(parseEvent("cycles")!), SETTINGS, true);
    const view = new DataView(bytes.buffer);
    // Bits of linux/perf_event.h (Linux 6.1).
    const bits = [0, 1, 5, 6, 8, 9, 10, 12, 13, 18, 23, 24, 25];
    assertEquals(
      view.getBigUint64(40, true),
      bits.reduce((all, bit) => all | 1n << BigInt(bit), 0n),
    );
    assertEquals(view.getInt32(92, true), 1);
  });
});
