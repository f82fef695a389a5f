// Writes functions like the Rust original: reads the time, fills a buffer, and appends the
// record in one write.
//
//     append DIRECTORY THREADS COUNT CODE_SIZE NAME_SIZE [crash]
//
// Prints nanoseconds per record, or crashes instead of closing the file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Barrier;
use std::time::Instant;

#[repr(C)]
struct Timespec {
    sec: i64,
    nsec: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

const CLOCK_MONOTONIC: i32 = 1;

fn timestamp() -> u64 {
    let mut time = Timespec { sec: 0, nsec: 0 };
    unsafe { clock_gettime(CLOCK_MONOTONIC, &mut time) };
    time.sec as u64 * 1_000_000_000 + time.nsec as u64
}

const EM_X86_64: u32 = 62;

fn write_header(path: &str) {
    let words = [0x4a695444, 1, 40, EM_X86_64, 0, std::process::id(), 0, 0, 0, 0];
    let header: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    std::fs::write(path, header).unwrap();
}

fn dump(file: &mut File, index: u64, name: &[u8], code: &[u8]) {
    let total = 56 + name.len() + 1 + code.len();
    let mut record: Vec<u8> = Vec::with_capacity(total);
    let pid = std::process::id();
    let address = code.as_ptr() as u64;
    record.extend_from_slice(&0u32.to_le_bytes());
    record.extend_from_slice(&(total as u32).to_le_bytes());
    record.extend_from_slice(&timestamp().to_le_bytes());
    record.extend_from_slice(&pid.to_le_bytes());
    record.extend_from_slice(&pid.to_le_bytes());
    record.extend_from_slice(&address.to_le_bytes());
    record.extend_from_slice(&address.to_le_bytes());
    record.extend_from_slice(&(code.len() as u64).to_le_bytes());
    record.extend_from_slice(&index.to_le_bytes());
    record.extend_from_slice(name);
    record.push(0);
    record.extend_from_slice(code);
    file.write_all(&record).unwrap();
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |i: usize| args[i].parse::<usize>().unwrap();
    let path = format!("{}/jit-{}.dump", args[1], std::process::id());
    let (threads, count) = (number(2), number(3));
    let code = vec![0x90u8; number(4)];
    let name = vec![b'f'; number(5)];
    write_header(&path);
    let barrier = Barrier::new(threads + 1);
    let mut seconds = 0.0;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|thread| {
                let (path, code, name, barrier) = (&path, &code, &name, &barrier);
                scope.spawn(move || {
                    let mut file = OpenOptions::new()
                        .create(true)
                        .append(true)
                        .open(path)
                        .unwrap();
                    barrier.wait();
                    for i in 0..count {
                        dump(&mut file, (thread * count + i) as u64, name, code);
                    }
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        for writer in writers {
            writer.join().unwrap();
        }
        seconds = start.elapsed().as_secs_f64();
    });
    if args.len() > 6 {
        std::process::abort();
    }
    std::fs::remove_file(&path).unwrap();
    println!("{}", seconds * 1e9 / (threads * count) as f64);
}
