// Imported before anything that has shapes of zod's.
// One command reads few answers: a parser that zod compiles for each shape would not pay.
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } })
