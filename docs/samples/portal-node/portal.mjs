// A portal in one file: people sign in with Một Cửa, on Node.js and openid-client.
import { createServer } from 'node:http'
import * as client from 'openid-client'

const { ISSUER, HOME_URL, CLIENT_ID, CLIENT_SECRET, LEVEL = 'ial2' } = process.env
const ENOUGH = LEVEL === 'ial2' ? ['ial2', 'ial3'] : ['ial3'] // the least level that opens it
const isLocal = ISSUER.startsWith('http://localhost') // the demo; everywhere else it is https
const config = await client.discovery(
  new URL(ISSUER), CLIENT_ID, { client_secret: CLIENT_SECRET },
  client.ClientSecretBasic(CLIENT_SECRET), { execute: isLocal ? [client.allowInsecureRequests] : [] })
client.enableNonRepudiationChecks(config) // the ID token's signature counts, not TLS alone
const sessions = new Map() // cookie -> what we know of this browser; yours will end some day

const escape = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
const page = ({ person }) => `<!doctype html><html lang="vi"><title>Cổng mẫu</title><main>${person
  ? `<p>Xin chào ${escape(person.name ?? '')} (${person.acr})</p>
     <form method="post" action="/logout"><button>Đăng xuất</button></form>`
  : '<a href="/login">Đăng nhập</a>'}</main></html>`

const routes = {
  'GET /': async ({ session }) => ({ body: page(session) }),
  async 'GET /login'({ session }) {
    const verifier = client.randomPKCECodeVerifier()
    session.asked = { verifier, state: client.randomState(), nonce: client.randomNonce() }
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: `${HOME_URL}/callback`, scope: 'openid profile', acr_values: LEVEL,
      state: session.asked.state, nonce: session.asked.nonce, code_challenge_method: 'S256',
      code_challenge: await client.calculatePKCECodeChallenge(verifier) })
    return { to: url.href }
  },
  async 'GET /callback'({ session, url, fresh }) {
    if (!session.asked) return { status: 400 }
    const { verifier, state, nonce } = session.asked
    session.asked = undefined
    const tokens = await client.authorizationCodeGrant(config, url, { // iss, aud, exp as well
      pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce })
    const { sub, acr } = tokens.claims()
    if (!ENOUGH.includes(acr)) return { status: 403 } // what counts is what comes back
    const { name } = await client.fetchUserInfo(config, tokens.access_token, sub)
    fresh({ person: { sub, acr, name }, id_token: tokens.id_token })
    return { to: '/' }
  },
  async 'POST /logout'({ session, fresh }) {
    const state = client.randomState()
    const hint = session.id_token ? { id_token_hint: session.id_token } : {}
    fresh({ leaving: state })
    return { to: client.buildEndSessionUrl(
      config, { post_logout_redirect_uri: `${HOME_URL}/left`, state, ...hint }).href }
  },
  async 'GET /left'({ session, url }) {
    return url.searchParams.get('state') === session.leaving ? { to: '/' } : { status: 400 }
  },
}

createServer(async (request, response) => {
  const url = new URL(request.url, HOME_URL)
  const known = /(?:^|; )portal=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]
  let id = sessions.has(known) ? known : client.randomState()
  const session = sessions.get(id) ?? {}
  const fresh = (next) => { // a new cookie for a new person (session fixation)
    sessions.delete(id)
    sessions.set(id = client.randomState(), next)
  }
  sessions.set(id, session)
  const route = routes[`${request.method} ${url.pathname}`]
  let answer
  try {
    answer = route ? await route({ session, url, fresh }) : { status: 404 }
  } catch (error) {
    console.warn('sign-in refused:', error.message)
    answer = { status: 400 }
  }
  response.setHeader('Set-Cookie', `portal=${id}; HttpOnly; SameSite=Lax; Path=/${isLocal ? '' : '; Secure'}`)
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  if (answer.to) response.setHeader('Location', answer.to)
  response.writeHead(answer.to ? 303 : answer.status ?? 200).end(answer.body)
}).listen(new URL(HOME_URL).port, '127.0.0.1')
