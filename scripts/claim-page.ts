// `npm run claim-page`: writes claim.html, with which holders of an old chain's token claim it in a browser.
import { writeClaimPage } from '@cloister/claim-page'

const path = process.argv[2] ?? 'dist/claim.html'
await writeClaimPage(path)
console.log(`Wrote ${path}. Open it in a browser that has your wallet; it asks nobody else anything.`)
