// A portal without a server: oidc-client-ts, a public client with PKCE.
// It leaves the signature to TLS, so jose checks it here, as a careful portal would.
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from 'oidc-client-ts'
import { serve, settings } from './lines.mjs'

const client = new OidcClient({
  authority: settings.issuer, client_id: settings.client_id, scope: settings.scope,
  redirect_uri: settings.redirect_uri, response_type: 'code', loadUserInfo: false,
  post_logout_redirect_uri: settings.post_logout_redirect_uri,
  metadataSeed: settings.metadata,
  stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }) })
const about = await client.metadataService.getMetadata()
const keys = createRemoteJWKSet(new URL(about.jwks_uri))
const kept = {}

async function verified(token) {
  const rules = { issuer: settings.issuer, audience: settings.client_id, algorithms: [settings.alg] }
  return (await jwtVerify(token, keys, rules)).payload
}

async function userinfo() {
  const headers = { Authorization: `Bearer ${kept.response.access_token}` }
  const answer = await fetch(about.userinfo_endpoint, { headers })
  if (!answer.ok) throw new Error(`userinfo ${answer.status}`)
  return answer.json()
}

await serve({
  async begin(parameters) {
    kept.nonce = crypto.randomUUID()
    const { url } = await client.createSigninRequest({ nonce: kept.nonce, ...parameters })
    return { url }
  },
  async finish({ url }) {
    kept.response = await client.processSigninResponse(url)
    const claims = await verified(kept.response.id_token)
    if (claims.nonce !== kept.nonce) throw new Error('nonce')
    return { claims, userinfo: await userinfo() }
  },
  async refresh() {
    const { refresh_token, id_token, session_state, scope, profile } = kept.response
    const state = { data: {}, refresh_token, id_token, session_state, scope, profile }
    kept.response = await client.useRefreshToken({ state })
    const is_rotated = kept.response.refresh_token !== refresh_token
    return { claims: await verified(kept.response.id_token), is_rotated }
  },
  async userinfo() {
    return { userinfo: await userinfo() }
  },
  async logout() {
    const made = await client.createSignoutRequest({
      id_token_hint: kept.response.id_token, state: { from: 'portal' } })
    return { url: made.url, state: made.state.id }
  },
})
