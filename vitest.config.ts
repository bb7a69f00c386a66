import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['contracts/**/*.test.ts', 'packages/**/*.test.ts', 'apps/**/*.test.ts', 'e2e/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 240_000,
    // Two cores, and most tests run real chains, databases and engines.
    maxWorkers: 2,
    pool: 'forks',
    // Native Node runs the sources in production; tests run them the same way.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
})
