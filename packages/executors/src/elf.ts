const PAGE = 0x1000
const BASE = 0x400000
const HEADERS = 64 + 56

/**
 * An ELF executable for x86-64 of one segment (System V ABI, "Object Files") that is nothing but `code`,
 * which must work wherever it lies.
 */
export function executable(code: Buffer): Buffer {
  const file = Buffer.alloc(HEADERS + code.length)
  file.write('\x7fELF', 'latin1')
  // 64 bits, little-endian, version 1; an executable for x86-64.
  file.set([2, 1, 1], 4)
  file.writeUInt16LE(2, 16)
  file.writeUInt16LE(62, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(BigInt(BASE + HEADERS), 24)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  // One segment, loaded to be read and run.
  file.writeUInt32LE(1, 64)
  file.writeUInt32LE(5, 68)
  for (const at of [80, 88]) file.writeBigUInt64LE(BigInt(BASE), at)
  for (const at of [96, 104]) file.writeBigUInt64LE(BigInt(file.length), at)
  file.writeBigUInt64LE(BigInt(PAGE), 112)
  file.set(code, HEADERS)
  return file
}
