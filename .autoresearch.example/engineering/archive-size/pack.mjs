// Packs a table of whole numbers into few bytes, and unpacks it again.
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

const LAYOUT = 'rows'; // autoresearch: choice "rows" "columns" name=layout
const DIFFERENCES = 0; // autoresearch: int 0..4 name=differences
const CODING = 'text'; // autoresearch: choice "text" "wide" "short" "varint" name=coding
const LEVEL = 1; // autoresearch: int 1..9 name=level
const MEMORY = 1; // autoresearch: int 1..9 name=memory
const WINDOW_BITS = 9; // autoresearch: int 9..15 name=window_bits
const STRATEGY = 'Z_HUFFMAN_ONLY'; // autoresearch: choice Z_DEFAULT_STRATEGY Z_FILTERED Z_HUFFMAN_ONLY Z_RLE name=strategy

/** @param {number[][]} rows all of the same length @returns {Buffer} */
export function pack(rows) {
  const columns = transpose(rows).map((column) => differences(column));
  const table = LAYOUT === 'columns' ? columns : transpose(columns);
  const strategy = constants[STRATEGY];
  return deflateRawSync(codings[CODING].encode(table.flat()), {
    level: LEVEL,
    memLevel: MEMORY,
    windowBits: WINDOW_BITS,
    strategy,
  });
}

/** @returns {number[][]} `width` columns, as they were packed */
export function unpack(bytes, width) {
  const values = codings[CODING].decode(inflateRawSync(bytes));
  const table = split(values, LAYOUT === 'columns' ? values.length / width : width);
  const columns = LAYOUT === 'columns' ? table : transpose(table);
  return transpose(columns.map((column) => sums(column)));
}

function differences(values) {
  let result = values;
  for (let order = 0; order < DIFFERENCES; order += 1) {
    const previous = result;
    result = previous.map((value, index) => value - (previous[index - 1] ?? 0));
  }
  return result;
}

function sums(values) {
  const result = [...values];
  for (let order = 0; order < DIFFERENCES; order += 1) {
    for (let index = 1; index < result.length; index += 1) result[index] += result[index - 1];
  }
  return result;
}

const text = {
  encode: (values) => Buffer.from(values.join(',')),
  decode: (bytes) => bytes.toString().split(',').map(Number),
};

/** The same number of bytes for every value. Short ones cannot hold every value: the archive then loses some. */
const wide = codingOf(Int32Array);
const short = codingOf(Int16Array);

function codingOf(Numbers) {
  return {
    encode: (values) => Buffer.from(Numbers.from(values).buffer),
    decode: (bytes) => [...new Numbers(Uint8Array.from(bytes).buffer)],
  };
}

/** Seven bits per byte; the sign is the lowest bit, so that small numbers of either sign stay short. */
const varint = {
  encode: (values) => Buffer.from(values.flatMap(bytesOf)),
  decode(bytes) {
    const values = [];
    let value = 0;
    let scale = 1;
    for (const byte of bytes) {
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte >= 128) continue;
      values.push(value % 2 === 1 ? -(value + 1) / 2 : value / 2);
      value = 0;
      scale = 1;
    }
    return values;
  },
};

function bytesOf(value) {
  const bytes = [];
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

const codings = { text, wide, short, varint };

function split(values, length) {
  return Array.from({ length: values.length / length }, (_, row) => values.slice(row * length, (row + 1) * length));
}

function transpose(rows) {
  return rows[0].map((_, column) => rows.map((row) => row[column]));
}
