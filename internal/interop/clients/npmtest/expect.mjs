// Helpers of the programs in this folder. Each is started by a Go test with
// the broker's URL and ends with 0 if all was as it should be.

export const url = process.argv[2];

// equal ends the program unless the values are the same, as JSON.
export function equal(what, got, want) {
  if (JSON.stringify(got) !== JSON.stringify(want)) {
    console.error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
    process.exit(1);
  }
}

// Inbox hands out messages in the order of their arrival to whoever awaits them.
export class Inbox {
  #messages = [];
  #waiting = [];

  put(message) {
    const next = this.#waiting.shift();
    if (next) next(message);
    else this.#messages.push(message);
  }

  take() {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get size() {
    return this.#messages.length;
  }
}

// run carries out a program; what it throws ends the process with 1.
export function run(program) {
  program().then(() => process.exit(0), (err) => {
    console.error(err);
    process.exit(1);
  });
}
