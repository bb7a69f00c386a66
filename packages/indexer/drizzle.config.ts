import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: ['./src/engine/tables.ts', './src/chapters/*/tables.ts'],
  out: './drizzle',
})
