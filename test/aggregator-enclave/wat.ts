// Assembles the flat subset of the WebAssembly text format that kernel.wat uses. Source: WebAssembly core specification 2.0, section 5.
// It exists so that the bytes the enclave runs can be made again from the text that people read.

const magicAndVersion = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const types: Readonly<Record<string, number>> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };

const plain: Readonly<Record<string, readonly number[]>> = {
  end: [0x0b],
  'i32.ge_u': [0x4f],
  'i32.add': [0x6a],
  'i32.and': [0x71],
  'i32.shl': [0x74],
  'i64.add': [0x7c],
  'i64.mul': [0x7e],
  'i64.extend_i32_s': [0xac],
  'i32x4.splat': [0xfd, 0x11],
  'i64x2.add': [0xfd, 0xce, 0x01],
  'i64x2.extmul_low_i32x4_s': [0xfd, 0xdc, 0x01],
  'i64x2.extmul_high_i32x4_s': [0xfd, 0xdd, 0x01],
};
const onLocal: Readonly<Record<string, number>> = { 'local.get': 0x20, 'local.set': 0x21, 'local.tee': 0x22 };
/** Opcode and the alignment's exponent. */
const onMemory: Readonly<Record<string, readonly [readonly number[], number]>> = {
  'i64.load': [[0x29], 3],
  'i64.load32_s': [[0x34], 2],
  'i64.store': [[0x37], 3],
  'v128.load': [[0xfd, 0x00], 4],
  'v128.store': [[0xfd, 0x0b], 4],
};

/** The binary of one module with one imported memory and one exported function. */
export function assemble(text: string): Uint8Array {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/;;.*$/, '').trim())
    .filter((line) => line !== '' && line !== '(module' && line !== ')');
  const [imported = '', head = '', locals = '', ...body] = lines;
  const [, module = '', field = ''] = /^\(import "(\w+)" "(\w+)" \(memory 0\)\)$/.exec(imported) ?? fail(imported);
  const [, name = ''] = /^\(func \(export "(\w+)"\)/.exec(head) ?? fail(head);
  const params = variables(head, 'param');
  const own = variables(locals, 'local');
  const names = [...params, ...own].map((variable) => variable.name);
  const code = [...vector(own.map((variable) => [1, typeOf(variable.type)])), ...instructions(body, names), 0x0b];
  return Uint8Array.from([
    ...magicAndVersion,
    ...section(1, vector([[0x60, ...vector(params.map((variable) => [typeOf(variable.type)])), 0]])),
    ...section(2, vector([[...string(module), ...string(field), 0x02, 0x00, 0x00]])),
    ...section(3, vector([[0]])),
    ...section(7, vector([[...string(name), 0x00, 0x00]])),
    ...section(10, vector([[...unsigned(code.length), ...code]])),
  ]);
}

function variables(line: string, kind: string): readonly { name: string; type: string }[] {
  return [...line.matchAll(new RegExp(`\\(${kind} (\\$\\w+) (\\w+)\\)`, 'g'))].map(([, name = '', type = '']) => ({
    name,
    type,
  }));
}

function instructions(lines: readonly string[], names: readonly string[]): number[] {
  const labels: string[] = [];
  return lines.flatMap((line) => instruction(line.split(/\s+/), names, labels));
}

function instruction(
  [operation = '', operand = '']: readonly string[],
  names: readonly string[],
  labels: string[],
): number[] {
  if (operation === 'block' || operation === 'loop') {
    labels.push(operand);
    return [operation === 'block' ? 0x02 : 0x03, 0x40];
  }
  if (operation === 'br' || operation === 'br_if') {
    const depth = labels.length - 1 - labels.lastIndexOf(operand);
    return [operation === 'br' ? 0x0c : 0x0d, ...unsigned(depth)];
  }
  if (operation === 'i32.const') return [0x41, ...signed(Number(operand))];
  const local = onLocal[operation];
  if (local !== undefined) {
    const index = names.indexOf(operand);
    return index < 0 ? fail(operand) : [local, ...unsigned(index)];
  }
  const memory = onMemory[operation];
  if (memory !== undefined) return [...memory[0], memory[1], ...unsigned(Number(operand.replace('offset=', '')))];
  if (operation === 'end') labels.pop();
  return [...(plain[operation] ?? fail(operation))];
}

function typeOf(name: string): number {
  return types[name] ?? fail(name);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function string(text: string): number[] {
  return [...unsigned(text.length), ...Buffer.from(text, 'latin1')];
}

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >> 7;
  const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
  return done ? [low] : [low | 0x80, ...signed(rest)];
}

function fail(what: string): never {
  throw new Error(`kernel.wat uses something that this assembler does not know: ${what}`);
}
