// A portal that needs the highest assurance (FAPI 2.0 with Message Signing), on openid-client:
// private_key_jwt, a signed request object that is pushed, JARM, DPoP.
import * as client from 'openid-client'
import { serve, settings } from './lines.mjs'

const { kid, ...jwk } = settings.jwk
const key = await crypto.subtle.importKey(
  'jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const found = await client.discovery(
  new URL(settings.issuer), settings.client_id, {}, client.None(),
  { execute: [client.allowInsecureRequests] })
// FAPI 2.0, 5.3.2.1: the assertion is for the issuer alone, as a text.
const assertion = { [client.modifyAssertion](header, claims) { claims.aud = settings.issuer } }
const config = new client.Configuration(
  { ...found.serverMetadata(), ...settings.metadata }, settings.client_id,
  { id_token_signed_response_alg: settings.alg, authorization_signed_response_alg: settings.alg },
  client.PrivateKeyJwt({ key, kid }, assertion))
client.allowInsecureRequests(config)
client.useJwtResponseMode(config)
client.enableNonRepudiationChecks(config)
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
const kept = {}

await serve({
  async begin(parameters) {
    kept.verifier = client.randomPKCECodeVerifier()
    kept.state = client.randomState()
    kept.nonce = client.randomNonce()
    const { searchParams } = await client.buildAuthorizationUrlWithJAR(config, {
      redirect_uri: settings.redirect_uri, scope: settings.scope, state: kept.state,
      nonce: kept.nonce, code_challenge_method: 'S256',
      code_challenge: await client.calculatePKCECodeChallenge(kept.verifier), ...parameters },
    { key, kid })
    const url = await client.buildAuthorizationUrlWithPAR(config, searchParams, { DPoP })
    return { url: url.href }
  },
  async finish({ url }) {
    kept.tokens = await client.authorizationCodeGrant(config, new URL(url), {
      pkceCodeVerifier: kept.verifier, expectedState: kept.state, expectedNonce: kept.nonce },
    undefined, { DPoP })
    kept.claims = kept.tokens.claims()
    const userinfo = await client.fetchUserInfo(
      config, kept.tokens.access_token, kept.claims.sub, { DPoP })
    return { claims: kept.claims, userinfo, token_type: kept.tokens.token_type }
  },
  async refresh() {
    const before = kept.tokens
    kept.tokens = await client.refreshTokenGrant(
      config, before.refresh_token, undefined, { DPoP })
    return { claims: kept.tokens.claims(), token_type: kept.tokens.token_type }
  },
  // What a thief of the token can do: nothing.
  async stolen() {
    const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
    return { userinfo: await client.fetchUserInfo(
      config, kept.tokens.access_token, kept.claims.sub, { DPoP: thief }) }
  },
  async introspect() {
    return client.tokenIntrospection(config, kept.tokens.access_token)
  },
  async revoke() {
    await client.tokenRevocation(config, kept.tokens.refresh_token)
    return {}
  },
  async logout() {
    const state = client.randomState()
    const url = client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: settings.post_logout_redirect_uri,
      id_token_hint: kept.tokens.id_token, state })
    return { url: url.href, state }
  },
})
