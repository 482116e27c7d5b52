# frozen_string_literal: true

require_relative "../../../bin/support/demo/real_kafka"

RSpec.describe Demo::RealKafka do
  it "finds the first server, however librdkafka may be told of it" do
    {
      "a" => ["a", 9_092], "a:1,b:2" => ["a", 1], " a:1 , b" => ["a", 1], "PLAINTEXT://a:1" => ["a", 1],
      "SASL_SSL://a" => ["a", 9_092], "[::1]:1" => ["::1", 1], "ssl://[::1],b" => ["::1", 9_092], "127.0.0.1:1" =>
      ["127.0.0.1", 1], "a:b" => nil
    }.each { |servers, first| expect(described_class.first(servers)).to eq(first), servers }
  end

  it "makes no topic where the server has no address, or none is named" do
    ["no-such-host.invalid:9092", "a:b", "", "[nonsense]:1", "127.0.0.1:1"].each do |servers|
      expect(described_class.create_topic(servers, "t", 1)).to be(false)
    end
  end
end
