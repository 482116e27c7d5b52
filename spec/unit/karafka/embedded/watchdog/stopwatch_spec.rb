# frozen_string_literal: true

RSpec.describe Karafka::Embedded::Watchdog::Stopwatch do
  subject(:stopwatch) { described_class.new(2_000) }

  # Looks once a second, from `from` on, and says for how long the sign was the same
  def look(times, sign:, from: 0)
    Array.new(times) do |n|
      stopwatch.look(from + (n * 1_000))
      stopwatch.same_for(:thread, sign)
    end
  end

  it "tells for how long a sign was the same" do
    expect(look(4, sign: 1)).to eq([0, 1_000, 2_000, 3_000])
  end

  it "begins anew with another sign" do
    look(4, sign: 1)
    expect(look(2, sign: 2, from: 4_000)).to eq([0, 1_000])
  end

  it "counts a gap between two looks, in which the process may have been suspended, as a short one" do
    look(2, sign: 1)
    expect(look(1, sign: 1, from: 3_600_000)).to eq([3_000])
  end

  it "forgets what is not asked for in a look" do
    look(4, sign: 1)
    stopwatch.look(5_000)
    stopwatch.look(6_000)
    stopwatch.look(7_000)
    expect(stopwatch.same_for(:thread, 1)).to eq(0)
  end
end
