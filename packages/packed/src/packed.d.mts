/** Keeps compiled code between runs, in a folder that nobody writes to but whoever installed the project. */
export function keepCompiledCode(): void

/**
 * What to run for a program: its packed form, where there is one and no source of it has changed since, else the source itself.
 *
 * @param source Absolute path of the program's first file.
 * @param root The project's folder; this one's where it isn't given.
 */
export function packedProgram(source: string, root?: string): string
