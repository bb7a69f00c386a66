import { createECDH } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1'

type Point = typeof secp256k1.ProjectivePoint.BASE

const SCALAR_DIGITS = 64
let isInNode = false

/**
 * Has Node (OpenSSL) find the multiples of secp256k1's base point, which are most of the work of a signature;
 * what is signed, and how, stays as it is. In JavaScript one takes 28 ms: a command signs once or twice, so
 * nothing is compiled by then, and tables for it don't pay.
 */
export function findBaseMultiplesInNode(): void {
  if (isInNode) return
  isInNode = true
  const { BASE } = secp256k1.ProjectivePoint
  const { n: order } = secp256k1.CURVE
  // Points are frozen, so it is all of them that change.
  const points: Pick<Point, 'multiply'> = Object.getPrototypeOf(BASE)
  const { multiply } = points
  points.multiply = function (this: Point, scalar) {
    const isOurs = this === BASE && scalar > 0n && scalar < order
    return isOurs ? baseMultiple(scalar) : multiply.call(this, scalar)
  }
}

/** `scalar` is more than zero, and less than the order of the curve. */
function baseMultiple(scalar: bigint): Point {
  const pair = createECDH('secp256k1')
  pair.setPrivateKey(scalar.toString(16).padStart(SCALAR_DIGITS, '0'), 'hex')
  // 04, x, y (SEC 1, section 2.3.3).
  const point = pair.getPublicKey('hex')
  return secp256k1.ProjectivePoint.fromAffine({
    x: BigInt(`0x${point.slice(2, 2 + SCALAR_DIGITS)}`),
    y: BigInt(`0x${point.slice(2 + SCALAR_DIGITS)}`),
  })
}
