/** Who makes an attempt inside the container. */
export type Who = 'root' | 'user'

/**
 * One try at getting out of a container, or at more than the container was given. `perl` runs inside, with
 * the functions of `probe.pl`: it calls `got` with what it came by, and `refused` where it was turned down.
 */
export interface Attempt {
  /** What is tried, as the end of a sentence that begins with "refuses to". */
  name: string
  perl: string
  /** Errors that count as a refusal beside `REFUSALS`, for calls that say no in another way. */
  also?: readonly string[]
  /** Who tries it; both, if not given. */
  by?: Who
}

/**
 * The errors with which a kernel refuses. Any other would mean that the attempt itself was wrong and proves
 * nothing.
 */
export const REFUSALS: readonly string[] = ['EPERM', 'EACCES', 'EROFS', 'ENOENT']
