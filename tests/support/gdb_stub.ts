/**
 * A program under the control of the emulator's debugger stub, by gdb's remote protocol.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Number of registers of AArch64 in the stub's list: x0 to x30, sp and pc. */
const REGISTERS = 33;

/** Number of bytes that are read at once; a packet has 4096 digits at most. */
const LONGEST_READ = 1024;

/** The signal of a breakpoint, in hexadecimal. */
const SIGTRAP = "05";

/** A program of AArch64 under qemu 7.2's stub, stopped at its first instruction. */
export class EmulatedProgram implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #connection: Deno.Conn;
  #input = "";

  private constructor(process: Deno.ChildProcess, connection: Deno.Conn) {
    this.#process = process;
    this.#connection = connection;
  }

  /**
   * Starts a program.
   *
   * @param socket Path for the stub's socket.
   */
  static async start(
    qemu: string,
    program: string,
    socket: string,
  ): Promise<EmulatedProgram> {
    const process = new Deno.Command(qemu, {
      args: ["-g", socket, program],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const connection = await connect(socket);
    const emulated = new EmulatedProgram(process, connection);
    await emulated.#request("?");
    return emulated;
  }

  /** Returns the registers x0 to x30, sp and pc, in this order. */
  async registers(): Promise<bigint[]> {
    const bytes = Uint8Array.fromHex(await this.#request("g"));
    const view = new DataView(bytes.buffer);
    return Array.from(
      { length: REGISTERS },
      (_, i) => view.getBigUint64(8 * i, true),
    );
  }

  /** Returns `length` bytes of memory. */
  async memory(address: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += LONGEST_READ) {
      const size = Math.min(LONGEST_READ, length - at);
      const part = await this.#request(
        `m${(address + at).toString(16)},${size.toString(16)}`,
      );
      bytes.set(Uint8Array.fromHex(part), at);
    }
    return bytes;
  }

  /** Executes one instruction. */
  async step(): Promise<void> {
    await this.#request("s");
  }

  /** Runs to an instruction. The program receives its signals. */
  async runTo(address: number): Promise<void> {
    await this.#request(`Z0,${address.toString(16)},4`);
    let stop = await this.#request("c");
    while (!stop.startsWith(`T${SIGTRAP}`)) {
      if (!stop.startsWith("T")) throw new Error(`the program ended: ${stop}`);
      stop = await this.#request(`C${stop.slice(1, 3)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // The emulator has ended with the connection.
    }
    await this.#process.status;
  }

  /** Sends a packet, and returns the contents of the answer. */
  async #request(text: string): Promise<string> {
    const sum = encoder.encode(text).reduce((sum, byte) => sum + byte & 255, 0);
    await this.#send(`$${text}#${sum.toString(16).padStart(2, "0")}`);
    const buffer = new Uint8Array(4096);
    for (;;) {
      const packet = /\$([^#]*)#../.exec(this.#input);
      if (packet !== null) {
        this.#input = this.#input.slice(packet.index + packet[0].length);
        await this.#send("+");
        return packet[1];
      }
      const count = await this.#connection.read(buffer);
      if (count === null) throw new Error("the emulator has ended");
      this.#input += decoder.decode(buffer.subarray(0, count));
    }
  }

  async #send(text: string): Promise<void> {
    const bytes = encoder.encode(text);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }
}

/** Connects to a socket as soon as it exists. */
async function connect(path: string): Promise<Deno.Conn> {
  for (let attempt = 0;; attempt++) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      if (attempt > 1000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
