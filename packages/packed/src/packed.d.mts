/** Keeps compiled code between runs, in a folder that nobody writes to but whoever installed the project. */
export function keepCompiledCode(): void

/**
 * Has a daemon give back what starting it took, a fifth of its memory, once: Node would look for that only
 * when it needs more.
 */
export function giveBackAfterStart(): void

/**
 * What to run for a program: its packed form, where there is one and no source of it has changed since, else
 * the source itself.
 *
 * @param source Absolute path of the program's first file.
 * @param options.root The project's folder; this one's where it isn't given.
 * @param options.command The program's first word: a command that is typed often is packed by itself, too.
 */
export function packedProgram(
  source: string,
  options?: { root?: string; command?: string | undefined },
): string

/**
 * The folder, below the project's, that keeps what is made once: packed programs, compiled code and images.
 */
export function packedFolder(root?: string): string

/** Whether all programs are packed from the sources as they are now. */
export function isPacked(root?: string): boolean

/** What tells whether a file has changed: its size and time of last change. Throws where there is none. */
export function stampOf(path: string): string
