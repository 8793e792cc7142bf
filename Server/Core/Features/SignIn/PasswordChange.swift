import GatehouseMessages
import GatehousePasswords
import GatehouseStorage

extension SignIn {
    /// Sets a password of one's own and ends every session of the account. A wrong old one counts like a failed sign-in.
    ///
    /// - Throws: as `begin`.
    func changePassword(
        of account: Account, from old: String, to new: NewPassword, from network: Network
    ) async throws {
        let name = try AccountName(account.login)
        let counted = name.description
        try await turns.take(counted) {
            let proof = try await prove(name, counted: counted, password: old, from: network)
            guard proof.account == account.id else { throw Problem.invalidCredentials }
            let hash = try await passwords.hash(new.text)
            let now = clock.now()
            try await database.transaction { sql in
                // Guarded by the hash that was verified, so of several changes at once one counts.
                let changed = try sql.changes(
                    """
                    UPDATE accounts SET password_hash = \(hash), password_changed_at = \(now)
                    WHERE id = \(account.id) AND password_hash = \(proof.passwordHash) AND disabled_at IS NULL
                    """)
                guard changed == 1 else { throw Problem.invalidCredentials }
                try accept(proof, at: now, in: sql)
                try Accounts.passwordChanged(of: account.id, at: now, in: sql)
                try AuditLog.record(
                    "change password", on: .account(account.id), by: account.actor, at: now, in: sql)
            }
        }
    }
}
