// `npm run verify-page`: writes verify.html, which checks evidence in a browser and talks to nobody.
import { writeVerifyPage } from '@cloister/verify-page'

const path = process.argv[2] ?? 'dist/verify.html'
await writeVerifyPage(path)
console.log(`Wrote ${path}. Open it in a browser; it needs no server and no network.`)
