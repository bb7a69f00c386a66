/** Bytes that answers, or requests, may take in memory, all together. */
export class Room {
  private left: number

  constructor(bytes: number) {
    this.left = bytes
  }

  /** A part of it for one of them, which is empty at first. */
  open(): Share {
    let held = 0
    return {
      take: (bytes) => {
        if (bytes > this.left) return false
        this.left -= bytes
        held += bytes
        return true
      },
      close: () => {
        this.left += held
        held = 0
      },
    }
  }
}

/** What one answer or request has of a room. */
export interface Share {
  /** False where there is no room for so many bytes more. */
  take(bytes: number): boolean
  close(): void
}
