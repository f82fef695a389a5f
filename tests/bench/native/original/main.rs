// Writes functions with the original of this module: wasmtime's JitDumpFile.
//
//     original DIRECTORY THREADS COUNT CODE_SIZE NAME_SIZE [crash]
//
// Prints nanoseconds of opening, then wall time, user time and system time of one function
// in nanoseconds; or crashes instead of closing the file. Each thread has its own file,
// because each counts its code indices from 0.

use std::mem::MaybeUninit;
use std::sync::Barrier;
use std::time::Instant;
use wasmtime_internal_jit_debug::perf_jitdump::JitDumpFile;

#[repr(C)]
struct Rusage {
    user: [i64; 2],
    system: [i64; 2],
    others: [i64; 14],
}

unsafe extern "C" {
    fn getrusage(who: i32, usage: *mut Rusage) -> i32;
}

const RUSAGE_SELF: i32 = 0;

/// Returns user and system time of this process in nanoseconds.
fn cpu_times() -> [f64; 2] {
    let mut usage = MaybeUninit::uninit();
    let usage = unsafe {
        getrusage(RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    [usage.user, usage.system].map(|[s, us]| s as f64 * 1e9 + us as f64 * 1e3)
}

const EM_X86_64: u32 = 62;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |i: usize| args[i].parse::<usize>().unwrap();
    let (threads, count) = (number(2), number(3));
    let pid = std::process::id();
    let code = vec![0x90u8; number(4)];
    let name = "f".repeat(number(5));
    let paths: Vec<String> = (0..threads)
        .map(|thread| format!("{}/jit-{}-{}.dump", args[1], pid, thread))
        .collect();
    let start = Instant::now();
    let mut files: Vec<JitDumpFile> = paths
        .iter()
        .map(|path| JitDumpFile::new(path, EM_X86_64).unwrap())
        .collect();
    let opening = start.elapsed().as_nanos();
    let write = |file: &mut JitDumpFile| {
        for _ in 0..count {
            let timestamp = file.get_time_stamp();
            file.dump_code_load_record(&name, &code, timestamp, pid, pid)
                .unwrap();
        }
    };
    let [user, system] = cpu_times();
    let mut start = Instant::now();
    if threads == 1 {
        write(&mut files[0]);
    } else {
        let barrier = Barrier::new(threads + 1);
        std::thread::scope(|scope| {
            for file in &mut files {
                scope.spawn(|| {
                    barrier.wait();
                    write(file);
                });
            }
            barrier.wait();
            start = Instant::now();
        });
    }
    let wall = start.elapsed().as_nanos() as f64;
    let after = cpu_times();
    if args.len() > 6 {
        std::process::abort();
    }
    for path in paths {
        std::fs::remove_file(path).unwrap();
    }
    let total = (threads * count) as f64;
    let times = [wall, after[0] - user, after[1] - system].map(|time| time / total);
    println!("{} {} {} {}", opening, times[0], times[1], times[2]);
}
