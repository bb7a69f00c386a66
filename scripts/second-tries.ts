// Reports the tests that needed a second try: they count as passed, and want looking after.
import type { Reporter, TestCase } from 'vitest/node'

export default class SecondTries implements Reporter {
  private readonly names: string[] = []

  onTestCaseResult(test: TestCase): void {
    const tries = test.diagnostic()?.retryCount ?? 0
    if (tries > 0)
      this.names.push(`${test.module.relativeModuleId} > ${test.fullName} (${test.result().state})`)
  }

  onTestRunEnd(): void {
    for (const name of this.names) process.stdout.write(`second try: ${name}\n`)
  }
}
