// The part of the WebAssembly JavaScript interface (W3C) that the accumulator uses; Node has it, but neither `lib` nor @types/node declares it.
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum?: number });
    readonly buffer: ArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>);
    readonly exports: Readonly<Record<string, ((...numbers: readonly number[]) => unknown) | undefined>>;
  }
}
