import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['contracts/**/*.test.ts', 'packages/**/*.test.ts', 'apps/**/*.test.ts', 'e2e/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 240_000,
    // Two cores, and most tests run real chains, databases and engines of several processes each; two engines at a time
    // get into each other's networks.
    maxWorkers: 1,
    pool: 'forks',
    // Native Node runs the sources in production; tests run them the same way.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
})
