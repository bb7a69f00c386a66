/** Bytes of requests' bodies that are kept at a time, all together. */
export class Room {
  private left: number

  constructor(bytes: number) {
    this.left = bytes
  }

  /** False where there is no room for so many. */
  take(bytes: number): boolean {
    if (bytes > this.left) return false
    this.left -= bytes
    return true
  }

  giveBack(bytes: number): void {
    this.left += bytes
  }
}
