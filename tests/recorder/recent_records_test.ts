import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { PerfDataReader } from "../../src/perf_data/perf_data_reader.ts";
import { PerfDataWriter } from "../../src/perf_data/perf_data_writer.ts";
import { Comm } from "../../src/perf_data/records.ts";
import { Sample } from "../../src/perf_data/sample.ts";
import { finishedRound } from "../../src/perf_data/new_records.ts";
import { RecentRecords } from "../../src/recorder/recent_records.ts";
import { parseEvent } from "../../src/recorder/event.ts";
import { attrOf } from "../../src/recorder/sample_settings.ts";
import { RecordBuilder } from "../support/build_perf_data.ts";

const ID = 5;

/** Returns a sample at a time, or a PERF_RECORD_COMM if a name is given. */
function record(time: number, name?: string): Uint8Array {
  const builder = new RecordBuilder(true);
  if (name === undefined) {
    builder.record(9, 2, (body) => {
      body.u64(ID, 0x1000).u32(7, 7).u64(time).u32(0, 0).u64(1);
    });
  } else {
    builder.record(3, 0, (body) => {
      body.u32(7, 7).text(name).u32(7, 7).u64(time).u32(0, 0).u64(ID);
    });
  }
  return builder.bytes;
}

/** Returns the times of a recording's samples and the names of its COMM records. */
async function contentOf(bytes: Uint8Array): Promise<(number | string)[]> {
  const content: (number | string)[] = [];
  const reader = await PerfDataReader.open(bytes);
  for await (const record of reader) {
    if (record instanceof Sample) {
      content.push(Number(reader.startTime) + record.time);
    } else if (record instanceof Comm) content.push(record.comm);
  }
  return content;
}

describe("RecentRecords", () => {
  it("drops old samples, but no other records, when time passes", async () => {
    let now = 0;
    const recent = new RecentRecords(1000, () => now);
    const attr = attrOf(
      parseEvent("cpu-clock")!,
      { frequency: 1, callGraph: "none", stackSize: 0 },
      false,
    );
    const event = { name: "cpu-clock", attr, ids: [BigInt(ID)] };
    const writer = new PerfDataWriter(recent, [event]);
    const write = (...records: Uint8Array[]) => {
      writer.write(new Uint8Array(records.flatMap((bytes) => [...bytes])));
      writer.write(finishedRound());
      writer.commit();
    };
    assertEquals(recent.hasSamples, false);
    write(record(100, "a"), record(110), record(120));
    now = 500;
    write(record(130), record(140, "b"));
    assertEquals(recent.hasSamples, true);
    const all = ["a", 110, 120, 130, "b"];
    assertEquals(await contentOf(recent.snapshot()), all);
    assertEquals(await contentOf(recent.snapshot()), all);
    now = 1200;
    write(record(150));
    assertEquals(await contentOf(recent.snapshot()), ["a", 130, "b", 150]);
    now = 9000;
    assertEquals(recent.hasSamples, false);
    assertEquals(await contentOf(recent.snapshot()), ["a", "b"]);
  });
});
