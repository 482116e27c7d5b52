# frozen_string_literal: true

RSpec.describe Karafka::Embedded::Deadline do
  {
    "shutdown_timeout, where the host says nothing" => [nil, 60_000, 1_000, 60_000],
    "what the host waits, less the margin" => [30_000, 60_000, 1_000, 29_000],
    "shutdown_timeout, where it is shorter" => [30_000, 20_000, 1_000, 20_000],
    "a margin as wide as it was set" => [30_000, 60_000, 5_000, 25_000],
    "a quarter for the margin, where the host is impatient" => [2_000, 60_000, 1_000, 1_500],
    "nothing, where the host's time is up" => [0, 60_000, 1_000, 0]
  }.each do |what, (patience, timeout, margin, deadline)|
    it "is #{what}" do
      Karafka::App.config.shutdown_timeout = timeout
      Karafka::App.config.embedded.shutdown_margin = margin
      host = Karafka::Embedded::Host.new { patience }

      expect(described_class.of(host)).to eq(deadline)
    end
  end
end
