// A portal on openid-client, the certified library for Node.
import * as client from 'openid-client'
import { serve, settings } from './lines.mjs'

const found = await client.discovery(
  new URL(settings.issuer), settings.client_id, { client_secret: settings.client_secret },
  client.ClientSecretBasic(settings.client_secret), { execute: [client.allowInsecureRequests] })
const config = new client.Configuration(
  { ...found.serverMetadata(), ...settings.metadata }, settings.client_id,
  { client_secret: settings.client_secret, id_token_signed_response_alg: settings.alg },
  client.ClientSecretBasic(settings.client_secret))
client.allowInsecureRequests(config)
client.enableNonRepudiationChecks(config) // the signature counts, not only TLS
const kept = {}

await serve({
  async begin(parameters) {
    kept.verifier = client.randomPKCECodeVerifier()
    kept.state = client.randomState()
    kept.nonce = client.randomNonce()
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: settings.redirect_uri, scope: settings.scope, state: kept.state,
      nonce: kept.nonce, code_challenge_method: 'S256',
      code_challenge: await client.calculatePKCECodeChallenge(kept.verifier), ...parameters })
    return { url: url.href }
  },
  async finish({ url }) {
    kept.tokens = await client.authorizationCodeGrant(config, new URL(url), {
      pkceCodeVerifier: kept.verifier, expectedState: kept.state, expectedNonce: kept.nonce })
    kept.claims = kept.tokens.claims()
    const userinfo = await client.fetchUserInfo(
      config, kept.tokens.access_token, kept.claims.sub)
    return { claims: kept.claims, userinfo }
  },
  async refresh() {
    const before = kept.tokens
    kept.tokens = await client.refreshTokenGrant(config, before.refresh_token)
    const is_rotated = kept.tokens.refresh_token !== before.refresh_token
    return { claims: kept.tokens.claims(), is_rotated }
  },
  async userinfo() {
    return { userinfo: await client.fetchUserInfo(
      config, kept.tokens.access_token, kept.claims.sub) }
  },
  async logout() {
    const state = client.randomState()
    const url = client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: settings.post_logout_redirect_uri,
      id_token_hint: kept.tokens.id_token, state })
    return { url: url.href, state }
  },
})
