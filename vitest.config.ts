import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Bounds on hangs: the machine may be slow, and busy with other things. What tests give a minute for must not end in it.
    testTimeout: 55_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
})
