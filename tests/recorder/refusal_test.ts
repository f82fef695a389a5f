import { assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  EACCES,
  EINVAL,
  EMFILE,
  ENOENT,
  ENOSYS,
  EPERM,
  ESRCH,
} from "../../ffi/constants.ts";
import {
  type Circumstances,
  describeRefusal,
} from "../../src/recorder/refusal.ts";

const NORMAL: Circumstances = {
  errno: EACCES,
  event: "cycles",
  pid: 0,
  frequency: 4000,
  isKernelOnly: false,
  mayRecordItself: false,
  paranoid: undefined,
  maxFrequency: undefined,
};

describe("describeRefusal()", () => {
  const cases: [string, Partial<Circumstances>, RegExp][] = [
    [
      "perf_event_paranoid is 3",
      { paranoid: 3 },
      /this user may not record \(kernel\.perf_event_paranoid is 3\): run sudo sysctl kernel\.perf_event_paranoid=2, or record as root$/,
    ],
    [
      "perf_event_paranoid is 4",
      { paranoid: 4, errno: EACCES },
      /perf_event_paranoid is 4\): run sudo sysctl/,
    ],
    [
      "perf_event_paranoid is 2",
      { paranoid: 2 },
      /perf_event_paranoid is 2\): in a container, allow it/,
    ],
    [
      "perf_event_paranoid cannot be read",
      {},
      /sudo sysctl kernel\.perf_event_paranoid=2.*--cap-add PERFMON/,
    ],
    [
      "the event is of the kernel only and perf_event_paranoid is 2",
      { paranoid: 2, isKernelOnly: true, mayRecordItself: true },
      /recording the kernel is not allowed.*is 2\): run sudo sysctl kernel\.perf_event_paranoid=1/,
    ],
    [
      "a seccomp profile returns EPERM",
      { errno: EPERM, paranoid: 2 },
      /blocked \(EPERM\): in a container, allow it: --cap-add PERFMON/,
    ],
    [
      "a seccomp profile returns ENOSYS",
      { errno: ENOSYS },
      /blocked \(ENOSYS\): in a container/,
    ],
    [
      "the process belongs to another user",
      { pid: 7, mayRecordItself: true },
      /recording process 7 is not allowed: it is another user's/,
    ],
    [
      "all processes are requested",
      { pid: -1, mayRecordItself: true },
      /run as root, .*kernel\.perf_event_paranoid=0/,
    ],
    ["there is no such process", { errno: ESRCH, pid: 7 }, /no process 7/],
    ["too many files are open", { errno: EMFILE }, /ulimit -n/],
    [
      "the machine does not support the event",
      { errno: ENOENT },
      /does not count cycles: record with --event cpu-clock/,
    ],
    [
      "the frequency is too high",
      { errno: EINVAL, frequency: 200_000, maxFrequency: 100_000 },
      /at 200000 Hz: lower --frequency to .*which is 100000/,
    ],
  ];
  for (const [when, circumstances, expected] of cases) {
    it(`suggests a remedy when ${when}`, () => {
      assertMatch(describeRefusal({ ...NORMAL, ...circumstances }), expected);
    });
  }
});
