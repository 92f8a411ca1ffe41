/** An issuer for fuzz_jwt.c: its public keys, and good tokens. The private keys were thrown away:
 * nobody can sign another token with them. */
#ifndef WEBSUB_TESTS_FUZZ_JWT_FIXTURE_H
#define WEBSUB_TESTS_FUZZ_JWT_FIXTURE_H

/* clang-format off */
static const char key_set[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"rLadLrujnENbPgkRly0rErLBaQ3LmEjXn3f0xL84-0sv3fDbolOPZgorde-aE-D"
    "IrZyaIsEPNVGSbV6-kJg3r-4pssm8LtfNpLKAFHwAHonrxyaLuBUhsUFpLUwdST3eVZ5ZBnzGijfvHQwt1cBH31Y9d"
    "UUX5dxTF0FUH0qY4SwJPzVTHsQhkhd4vgGhcqV1PDxjxHntA4yZnpdpadj1CK3E3Wmt9SqL_FdPMQoJRxNpZayHO_V"
    "c7uG0lukUYtjADq8fUTx10C6M4RonYVuFz8H59ECI87pIoyXse44PxHbA-JR5T6-42oE0I9XaU0t0nsIrsHZ4D2jCe"
    "UndK473Qw\",\"e\":\"AQAB\",\"kid\":\"rsa\",\"use\":\"sig\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"2xX1X7S9mf8t"
    "M1pxqsRV5Xo_LXiaO0WAe27wsZ34gOQ\",\"y\":\"5DpecMh972ixW6YkV4g5OAkk7vQOJgkTamLS0eqS2WE\",\"kid\":\""
    "p256\",\"use\":\"sig\"},{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"ACMKbhf0QwqkHSkmnkSto6M95v5ksO98bWaj2FiM"
    "u_521DQ9culIIKfhyogCO0oINfluOEHZnMgKp4TopMEIm7t-\",\"y\":\"ACSewbGGc2tdopivRthRGYgqmK4ltWS1UMK"
    "f0atvGNIHKR9cXoSQU1GlBF92F530E3rBhDR0Kn5l93wXyRyeIFi6\",\"kid\":\"p521\",\"use\":\"sig\"}]}";

static const char *const good_tokens[] = {
    "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAicnNhIn0.eyJpc3MiOiAiaHR0cHM6Ly9pc3N1ZX"
    "IuZXhhbXBsZS8iLCAiYXVkIjogWyJ0aGUtaHViIl0sICJzdWIiOiAiYW5uIiwgInNjb3BlIjogInJlYWQgd3JpdGUi"
    "LCAiZXhwIjogNDEwMjQ0NDgwMH0.Bf3WkGW-whyI66474_ja9lUTxjPn7IY_UcpBbmE0KCDMhZaiJtLxI5tEYVnXB4"
    "PdvdLJ5qGZ2WpbidFKZBvZXSvt1QOFrIAWzdwvOvh6v8NlioLoquRiSzR8UCTU3cY9y6TXAF5xpbHyZa2mT8LDkigq"
    "lSUlZy2oM5XBVrMlXw5oMyPt6Zss0JA2AQtdHExmBJizgcaeJ2lDhGX2pKyxXp_SnYA7Q9DAmpn_nts8PUpKFoh0aZ"
    "CPuG5xg-11Vf46VokyG-79UPb4mRL_ImaqNoFtAY73JWO_ZIfojA5FRzGdx6SPTIZ6GxaJvihRqDlGFDFFJAxZEDVd"
    "DQV3GR756A",
    "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAicDI1NiJ9.eyJpc3MiOiAiaHR0cHM6Ly9pc3N1Z"
    "XIuZXhhbXBsZS8iLCAiYXVkIjogWyJ0aGUtaHViIl0sICJzdWIiOiAiYW5uIiwgInNjb3BlIjogInJlYWQgd3JpdGU"
    "iLCAiZXhwIjogNDEwMjQ0NDgwMH0.18ffNl4SMjaUSHQWiGOUT7wPn5nDc3SqRO3kW4CHYpmCTsoBuYliHfgf2h4U3"
    "MfI-624ON5qzrvg9o8Umm9GWA",
    "eyJhbGciOiAiRVM1MTIiLCAidHlwIjogIkpXVCIsICJraWQiOiAicDUyMSJ9.eyJpc3MiOiAiaHR0cHM6Ly9pc3N1Z"
    "XIuZXhhbXBsZS8iLCAiYXVkIjogWyJ0aGUtaHViIl0sICJzdWIiOiAiYW5uIiwgInNjb3BlIjogInJlYWQgd3JpdGU"
    "iLCAiZXhwIjogNDEwMjQ0NDgwMH0.AJ0keL_t2r_WuY-pm3O87k2QSBoACdoMFBZoOGGkHO1PK7pMXIXCrMRKeuVsW"
    "0ProNlXVTIYMkyhRbLfPxvGSjG8AfiE58pRkL83Tg-YARvanUUJhcJbW4dPIg6Zk3HBP_4BFFD__PG9p53Dpk-iN45"
    "QAN3fPS37FZraWLB9095lCud-",
    "eyJhbGciOiAiRVMyNTYifQ.eyJpc3MiOiAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZS8iLCAiYXVkIjogWyJ0aGUtaHV"
    "iIl0sICJzdWIiOiAiYW5uIiwgInNjb3BlIjogInJlYWQgd3JpdGUiLCAiZXhwIjogNDEwMjQ0NDgwMH0.a86OePklj"
    "KHj1sOXl_JTSVnGYtUgvBEf-itlRIFcUKlzr-Puan6MdwRn9OnEVBKq1_vVI9ech95FzFQ7HejIqw",
};
/* clang-format on */

#endif
