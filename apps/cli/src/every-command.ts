// Fails a run of all tests of commands in which a command was run by none of them.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import type { TestProject } from 'vitest/node'
import { addCommands, wordsOf } from './commands/all.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A folder in which each process names the commands that its tests ran, a line each. */
    ranCommands: string
  }
}

export default function setup(project: TestProject): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-commands-'))
  project.provide('ranCommands', folder)
  return async () => {
    const ran = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    rmSync(folder, { recursive: true })
    if (!(await ranAll(project))) return
    const missing = everyCommand().filter((words) => !ran.includes(words))
    if (missing.length === 0) return
    // vitest says what it threw, and goes by the exit code.
    process.exitCode = 1
    throw new Error(`No test runs, by \`typed\`: ${missing.join(', ')}.`)
  }
}

/** Whether every file of tests ran, whole, and passed: otherwise nobody knows what would have been run. */
async function ranAll(project: TestProject): Promise<boolean> {
  const { testFiles } = await project.globTestFiles()
  const modules = project.vitest.state.getTestModules().filter((module) => module.project === project)
  return (
    project.vitest.config.testNamePattern === undefined &&
    modules.length === testFiles.length &&
    modules.every((module) => module.ok())
  )
}

/** The words of each command that does something. */
function everyCommand(): string[] {
  const program = new Command('cloister')
  addCommands(program)
  const below = ({ commands }: Command): Command[] =>
    commands.flatMap((one) => (one.commands.length > 0 ? below(one) : [one]))
  return below(program).map(wordsOf)
}
