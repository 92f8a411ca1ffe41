/** Hashes of "password", made by mkpasswd, htpasswd and openssl; those of little cost for tests. */
#ifndef WEBSUB_TESTS_UNIT_PASSWORD_HASHES_H
#define WEBSUB_TESTS_UNIT_PASSWORD_HASHES_H

#define BCRYPT_2Y      "$2y$04$fWPxEhEH8c4iW6/3x3zhiOBE8Q0KgjkJyXWJ92g8uOzBZ5dY4KWOe"
#define BCRYPT_2B      "$2b$05$pjbEVYgl8OxIgMnebQB/YeD7eyVvWtM4zZcGrm0rvjowHM4UaJY4u"
#define BCRYPT_2A      "$2a$05$LuYCIbZx6sD1GR2W3Jpns.MYxXHU7h3uGeuSSXauctLUK/xual39u"
#define YESCRYPT       "$y$j75$E7hWR2PR6WpDe4YCQFKpz.$ko9VEtXEcS8TUciS3qdEVMs2Zu5ai6S7mOnu10/eJl/"
#define YESCRYPT_USUAL "$y$j9T$2zep2fTfUYm.SmT4cndbF.$hOLLGBvwGes83/a5niPS3pBOpiXYz5byeL3.gj085W6"
#define GOST_YESCRYPT  "$gy$j9T$yiAKR3uJVypiWjE2TAMJ70$cF7gxrJWB.TtWSwKWoco46018tdeFnifTSsA3B2DdpA"
#define SHA512                                                                                     \
    "$6$rounds=1000$Cebv.NMLuFX5lPss$/dtAaDffbHyrPD/"                                              \
    "eLHGBdDt9JTKpPff49DmvOpxRAQkVH8diJZFrNfnoG01n3pocu7q8JPwfHZpGU0O/8E9tE/"
#define SHA512_OPENSSL                                                                             \
    "$6$89gzmKnWSeM3rvbY$35qAC6L3gCpdAm67u6wY9x80EKocX/"                                           \
    "wFSFlc4p34hM90QkegEQy4oa73LfsNqc782lb/pOg4TlPDgaLmnSpv01"

#endif
