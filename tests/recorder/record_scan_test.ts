import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { readAttr } from "../../src/perf_data/attr.ts";
import { Window } from "../../src/perf_data/bytes.ts";
import { SampleLayout } from "../../src/perf_data/sample_layout.ts";
import { RecordScan } from "../../src/recorder/record_scan.ts";
import { Bytes, putAttr, RecordBuilder } from "../support/build_perf_data.ts";
import { EVENT, sample, trailer } from "../support/recordings.ts";

const attr = putAttr(new Bytes(), EVENT).bytes;
const layout = new SampleLayout(
  readAttr(new Window(attr, true, 0), 0, attr.length),
);

/** Returns a scan of the records, and the events that it has reported. */
function scanOf(build: (records: RecordBuilder) => void) {
  const records = new RecordBuilder();
  build(records);
  const seen: unknown[] = [];
  const scan = new RecordScan(layout, {
    onMapping: ({ filename }) => seen.push(filename),
    onExit: ({ tid }) => seen.push(tid),
  });
  scan.scan(records.bytes, records.bytes.length);
  return { scan, seen };
}

describe("RecordScan", () => {
  it("counts samples and keeps the first and the last time when there are some", () => {
    const { scan } = scanOf((records) => {
      sample(records, { time: 20 });
      sample(records, { time: 30 });
    });
    assertEquals([scan.samples, scan.first, scan.last], [2, 20n, 30n]);
  });

  it("adds up lost records and samples when the kernel counts both", () => {
    const { scan } = scanOf((records) => {
      // LOST: an event's id, and a number of records.
      records.record(2, 0, (body) => trailer(body.u64(5, 3)));
      // LOST_SAMPLES: a number of samples.
      records.record(13, 0, (body) => trailer(body.u64(4)));
    });
    assertEquals([scan.samples, scan.lost], [0, 7]);
  });

  it("reports mappings and ends of threads when they occur", () => {
    const { seen } = scanOf((records) => {
      records.record(10, 2, (body) => {
        body.u32(10, 11).u64(0x1000, 0x2000, 0).u32(8, 1).u64(1234, 5);
        trailer(body.u32(5, 2).text("/lib/a.so"));
      });
      records.record(4, 0, (body) => {
        trailer(body.u32(10, 1, 11, 1).u64(40));
      });
    });
    assertEquals(seen, ["/lib/a.so", 11]);
  });
});
