// node-oidc-provider with a plain Map as its store, for comparison only. One client, one person who
// is signed in and has agreed at once; ES256; PKCE; refresh tokens rotate.
import { generateKeyPairSync } from "node:crypto";
import { Provider } from "oidc-provider";

const port = Number(process.argv[2]);
const issuer = `http://localhost:${port}`;
const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

class Store {
  static rows = new Map();
  constructor(model) {
    this.model = model;
  }
  key(id) {
    return `${this.model}:${id}`;
  }
  async upsert(id, payload) {
    Store.rows.set(this.key(id), payload);
    if (payload.uid) Store.rows.set(`uid:${payload.uid}`, id);
  }
  async find(id) {
    return Store.rows.get(this.key(id));
  }
  async findByUid(uid) {
    return this.find(Store.rows.get(`uid:${uid}`));
  }
  async findByUserCode() {}
  async consume(id) {
    Store.rows.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    Store.rows.delete(this.key(id));
  }
  async revokeByGrantId() {}
}

const provider = new Provider(issuer, {
  adapter: Store,
  clients: [
    {
      client_id: "bench",
      client_secret: "portal-secret-0123456789abcdef",
      redirect_uris: ["https://portal.example.vn/callback"],
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      response_types: ["code"],
      id_token_signed_response_alg: "ES256",
    },
    {
      client_id: "bench-signs",
      id_token_signed_response_alg: "ES256",
      redirect_uris: [],
      response_types: [],
      grant_types: ["client_credentials"],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      jwks: { keys: [JSON.parse(process.argv[3])] },
    },
  ],
  jwks: { keys: [{ ...key, kid: "k", use: "sig", alg: "ES256" }] },
  cookies: { keys: ["benchmark"] },
  pkce: { required: () => false },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, name: "Somebody" }) }),
  claims: { openid: ["sub"], profile: ["name"] },
  scopes: ["openid", "offline_access", "profile"],
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    introspection: { enabled: true },
    userinfo: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: () => ({ scope: "profile", accessTokenFormat: "jwt",
        jwt: { sign: { alg: "ES256" } } }),
    },
  },
  interactions: { url: (ctx, interaction) => `/sign-in/${interaction.uid}` },
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/sign-in/")) return next();
  const details = await provider.interactionDetails(ctx.req, ctx.res);
  const grant = new provider.Grant({ accountId: "somebody", clientId: "bench" });
  grant.addOIDCScope("openid profile offline_access");
  const result = { login: { accountId: "somebody" }, consent: { grantId: await grant.save() } };
  ctx.status = 303;
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
});

provider.listen(port, "127.0.0.1", () => console.log("READY"));
