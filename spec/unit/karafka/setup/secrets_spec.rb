# frozen_string_literal: true

RSpec.describe Karafka::Setup::Secrets do
  it "masks passwords, secrets, keys and tokens" do
    names = %i[sasl.password ssl.key.password ssl.keystore.password sasl.oauthbearer.client.secret ssl.key.pem
               ssl.certificate.pem ssl.ca.pem sasl.jaas.config sasl.oauthbearer.config]

    expect(described_class.mask(names.to_h { |name| [name, "x"] }).values).to all(eq(described_class::MASK))
  end

  it "leaves the rest as it is" do
    settings = { "bootstrap.servers": "a", "sasl.username": "u", "ssl.key.location": "/k" }

    expect(described_class.mask(settings)).to eq(settings)
  end
end
