/* A driver over SoftHSM that does what SoftHSM never does: it counts wrong PINs and locks after
 * three, it hangs, and it loses its token. The count lies in the file SHIM_COUNT, as a token keeps
 * it through every process; SHIM_SIGN is what C_Sign does: "hang", "removed", or as SoftHSM.
 * CK_FUNCTION_LIST is a version and then pointers in the order of PKCS#11 v2.40. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long rv;
enum { FUNCTIONS = 68, GET_LIST = 3, TOKEN_INFO = 6, LOGIN = 18, SIGN = 43, FLAGS_AT = 96 };
enum { PIN_INCORRECT = 0xA0, PIN_LOCKED = 0xA4, DEVICE_REMOVED = 0x32 };
struct list { unsigned char version[sizeof(void *)]; void *f[FUNCTIONS]; };
static struct list ours;
static struct list *theirs;

static int count(int change) {
    int n = 0;
    FILE *file = fopen(getenv("SHIM_COUNT"), "r");
    if (file) { if (fscanf(file, "%d", &n) != 1) n = 0; fclose(file); }
    if (change == 0) return n;
    n = change < 0 ? 0 : n + 1;
    file = fopen(getenv("SHIM_COUNT"), "w");
    if (file) { fprintf(file, "%d", n); fclose(file); }
    return n;
}

static rv token_info(unsigned long slot, unsigned char *info) {
    rv (*real)(unsigned long, unsigned char *) = theirs->f[TOKEN_INFO];
    rv result = real(slot, info);
    unsigned long flags;
    memcpy(&flags, info + FLAGS_AT, sizeof flags);
    flags &= ~0x70000UL;
    if (count(0) == 1) flags |= 0x10000;
    if (count(0) == 2) flags |= 0x30000;
    if (count(0) >= 3) flags |= 0x40000;
    memcpy(info + FLAGS_AT, &flags, sizeof flags);
    return result;
}

static rv login(unsigned long session, unsigned long user, unsigned char *pin, unsigned long n) {
    rv (*real)(unsigned long, unsigned long, unsigned char *, unsigned long) = theirs->f[LOGIN];
    if (count(0) >= 3) return PIN_LOCKED;
    rv result = real(session, user, pin, n);
    if (result == PIN_INCORRECT) count(1);
    if (result == 0) count(-1);
    return result;
}

static rv sign(unsigned long session, void *data, unsigned long n, void *to, unsigned long *m) {
    rv (*real)(unsigned long, void *, unsigned long, void *, unsigned long *) = theirs->f[SIGN];
    const char *how = getenv("SHIM_SIGN");
    if (how && !strcmp(how, "hang")) sleep(600);
    if (how && !strcmp(how, "removed")) return DEVICE_REMOVED;
    return real(session, data, n, to, m);
}

rv C_GetFunctionList(struct list **out) {
    void *library = dlopen(getenv("SHIM_OVER"), RTLD_NOW);
    rv (*get)(struct list **) = library ? dlsym(library, "C_GetFunctionList") : 0;
    if (!get || get(&theirs)) return 5;
    ours = *theirs;
    ours.f[GET_LIST] = C_GetFunctionList;
    ours.f[TOKEN_INFO] = token_info;
    ours.f[LOGIN] = login;
    ours.f[SIGN] = sign;
    *out = &ours;
    return 0;
}
