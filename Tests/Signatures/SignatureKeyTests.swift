import GatehouseCryptography
import Testing

@testable import HTTPSignatures

@Suite("Keys that sign messages")
struct SignatureKeyTests {
    @Test("a secret has 256 bits unless weak ones are allowed, and is never empty")
    func secrets() throws {
        let make = { (count: Int, weak: Bool) throws in
            try SignatureKey(id: "k", secret: [UInt8](repeating: 1, count: count), allowsWeak: weak)
        }
        #expect(throws: SignatureKeyError.tooShort(bits: 248)) { try make(31, false) }
        #expect(throws: Never.self) { try make(32, false) }
        #expect(throws: Never.self) { try make(1, true) }
        #expect(throws: SignatureKeyError.malformed("The secret is empty.")) { try make(0, true) }
    }

    @Test("a key carries the algorithms of its kind and curve only", arguments: SignatureAlgorithm.allCases)
    func kinds(algorithm: SignatureAlgorithm) throws {
        let rsa = [SignatureAlgorithm.rsaSHA256, .rsaSHA512, .rsaPSSSHA512]
        let keys: [(AsymmetricKey, [SignatureAlgorithm])] = [
            (.rsaPrivate(.generate()), rsa), (.ecdsaPrivate(.generate(.p256)), [.ecdsaP256SHA256]),
            (.ecdsaPrivate(.generate(.p384)), [.ecdsaP384SHA384]), (.ecdsaPrivate(.generate(.p521)), []),
            (.ed25519Private(.generate()), [.ed25519]),
        ]
        for (key, carried) in keys {
            if carried.contains(algorithm) {
                #expect(try SignatureKey(id: "k", key, algorithm: algorithm).algorithm == algorithm)
            } else {
                #expect(throws: SignatureKeyError.wrongAlgorithm(algorithm.rawValue)) {
                    try SignatureKey(id: "k", key, algorithm: algorithm)
                }
            }
        }
        let isHMAC = [.hmacSHA256, .hmacSHA512].contains(algorithm)
        let secret = [UInt8](repeating: 1, count: 32)
        if !isHMAC {
            #expect(throws: SignatureKeyError.wrongAlgorithm(algorithm.rawValue)) {
                try SignatureKey(id: "k", secret: secret, algorithm: algorithm)
            }
        }
    }

    @Test("the modulus of a new RSA key is looked at, that of a known one is not again, which takes long")
    func modulus() {
        // A prime.
        let pem = Array(
            """
            -----BEGIN PUBLIC KEY-----
            MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxD85tlxhoH3CH8Od7wtF
            oZkIPRbqxc6/EWbzQPKEUAKfeNTG0WzyLVHdjwYIRIk9kkbmDjmEcf3MXrVaAnNA
            9bFGCM0XjbaZQQTjqWutA/oKPoiyWUz7XybHoreVHdX1WL7PBTfzhcMw4dgtZipk
            ogsp8R+kjqFZUhFHcBJRVaZWAy/Y5Ey2urlkS5u87k9n1uxI5RCqVubQsB8W6K7C
            Ze1PT0OqBDFJsoNDyVBC9TjSoHtuCyN25I/DZb1xmUaTar6Lbt4sroQqMOg6hhsK
            AUjEDFC2SSs00nzexAFboXMsUFzmekpV7GceiQHvcCbMLT+31k0MUMMLNHdZ/0OC
            MwIDAQAB
            -----END PUBLIC KEY-----
            """.utf8)
        #expect(throws: SignatureKeyError.malformed("Not usable: the modulus is none of an RSA key.")) {
            try SignatureKey(id: "k", pem: pem, algorithm: .rsaSHA256)
        }
        #expect(throws: Never.self) {
            try SignatureKey(id: "k", pem: pem, isKnown: true, algorithm: .rsaSHA256)
        }
    }

    @Test("a public key verifies what its private half signed, and does not sign")
    func halves() throws {
        let (rsa, ecdsa, edwards) = (
            RSA.PrivateKey.generate(), ECDSA.PrivateKey.generate(.p256), Ed25519.PrivateKey.generate()
        )
        let pairs: [(AsymmetricKey, AsymmetricKey, SignatureAlgorithm)] = [
            (.rsaPrivate(rsa), .rsaPublic(rsa.publicKey), .rsaPSSSHA512),
            (.ecdsaPrivate(ecdsa), .ecdsaPublic(ecdsa.publicKey), .ecdsaP256SHA256),
            (.ed25519Private(edwards), .ed25519Public(edwards.publicKey), .ed25519),
        ]
        for (privateHalf, publicHalf, algorithm) in pairs {
            let signer = try SignatureKey(id: "k", privateHalf, algorithm: algorithm)
            let verifier = try SignatureKey(id: "k", publicHalf, algorithm: algorithm)
            for encoding in [SignatureEncoding.der, .fixed] {
                let signature = try signer.sign(octets("a"), encoding)
                #expect(verifier.isValid(signature, for: octets("a"), encoding), "\(algorithm)")
                #expect(!verifier.isValid(signature, for: octets("b"), encoding), "\(algorithm)")
                #expect(throws: SignatureKeyError.notPrivate) { try verifier.sign(octets("a"), encoding) }
            }
        }
    }

    @Test("a label that some algorithm has is found by it, and none has one of SHA-1 or MD5")
    func names() {
        for algorithm in SignatureAlgorithm.allCases {
            #expect(SignatureAlgorithm(rawValue: algorithm.rawValue) == algorithm)
            for name in algorithm.labels + [algorithm.rawValue, algorithm.registeredName ?? ""] {
                #expect(!name.contains("sha1") && !name.contains("md5"))
            }
        }
        for name in ["", "hs2019", "rsa-sha1", "hmac-sha1", "HMAC-SHA256", "none"] {
            #expect(SignatureAlgorithm(rawValue: name) == nil)
        }
    }

    @Test("a key tells its name and nothing else")
    func description() throws {
        let key = try SignatureKey(id: "k", secret: octets("a secret of thirty-two octets..."))
        var dumped = ""
        dump(key, to: &dumped)
        #expect("\(key)" == "SignatureKey(k, hmac-sha256)" && !dumped.contains("secret") && !dumped.contains("97"))
    }
}
